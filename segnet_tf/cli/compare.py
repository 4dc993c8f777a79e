"""`segnet-tf compare`: networks trained, exported and measured alike, in one table."""

from __future__ import annotations

import argparse
from pathlib import Path

from segnet_tf.cli import command
from segnet_tf.comparison.configuration import read_comparison, write_configs
from segnet_tf.system.outputs import make_folder

SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "Train networks on the same data by the same recipe, export and measure them, and show all "
        "in one table. What is done already is taken as it is: call it again to go on."
    )
    parser.epilog = (
        "examples:\n"
        "  segnet-tf compare --config demo --output runs/compare\n"
        "  segnet-tf compare --config mine.toml --data path/to/camvid --output runs/compare "
        "--seeds 0,1,2"
    )
    what = parser.add_argument_group("what is compared")
    what.add_argument(
        "--config", required=True, metavar="FILE", help="a .toml file, or a comparison by name"
    )
    what.add_argument("--data", metavar="DIR", help="a folder or synthetic:COUNT (the file's)")
    what.add_argument(
        "--seeds", type=seeds, default=(0,), metavar="N,N,...", help="a training each (0)"
    )
    what.add_argument(
        "--only", nargs="+", action="extend", default=[], metavar="NAME", help="these rows"
    )
    what.add_argument(
        "--rival",
        action="append",
        default=[],
        metavar="FILE",
        help="a .tflite file of another segmentation network, to time beside; may be repeated",
    )
    what.add_argument(
        "--extra-rows", metavar="FILE", help="more rows, out of the JSON file of another program"
    )
    how = parser.add_argument_group("how it is measured")
    how.add_argument(
        "--size",
        type=command.size,
        metavar="HxW",
        help="size at which the models see images (of the first validation image)",
    )
    how.add_argument(
        "--seconds",
        type=seconds,
        default=SECONDS,
        metavar="S",
        help="to time all files in turn for (%(default)g)",
    )
    output = parser.add_argument_group("output")
    where = output.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--output",
        metavar="DIR",
        help="the folder of the runs, and of comparison.json, .md and .png",
    )
    where.add_argument(
        "--write-configs",
        metavar="DIR",
        help="only write the configuration of each training, DIR/NAME/seedN.json, for "
        "`segnet-tf train --config`; its run belongs into OUTPUT/NAME/seedN",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compares; 1 if a row is not complete."""
    comparison = read_comparison(arguments.config).only(arguments.only)
    if arguments.write_configs:
        for file in write_configs(
            comparison, arguments.seeds, arguments.data, arguments.write_configs
        ):
            print(f"wrote {file}")
        return 0
    from segnet_tf.comparison import figures, report, rivals, runner

    output = Path(arguments.output)
    names = [row.name for row in comparison.rows]
    extra = figures.extra_rows(arguments.extra_rows, names) if arguments.extra_rows else []
    others = rivals.open_rivals(arguments.rival, [*names, *(row.name for row in extra)])
    jobs = runner.make_jobs(comparison, arguments.seeds, arguments.data, output, arguments.size)
    runner.check_networks(jobs)
    make_folder(output)
    failures = runner.run_all(jobs)
    speed, failure = runner.time_files(jobs, others, output, arguments.seconds)
    rows = [*figures.gather(jobs, others, speed.measurement().result(), failures), *extra]
    table = report.write(output, jobs, rows)
    print(table)
    if failure:
        runner.say(f"the files could not be timed: {failure}")
    for name in (report.JSON, report.MARKDOWN, report.PICTURE):
        print(f"wrote {output / name}")
    return 1 if failures or failure else 0


def seeds(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between, each once."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 0 or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(
            f"must be whole numbers of at least 0, each once, as in 0,1,2. Received: {text}"
        )
    return found


def seconds(text: str) -> float:
    """A time above 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e6:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0. Received: {text}")
    return found
