"""`segnet-tf compare`: networks trained, exported and measured alike, in one table."""

from __future__ import annotations

import argparse

from segnet_tf.comparison.configuration import read_comparison, write_configs


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
    where = parser.add_argument_group("output").add_mutually_exclusive_group(required=True)
    where.add_argument("--output", metavar="DIR", help="the folder of the runs and their figures")
    where.add_argument(
        "--write-configs",
        metavar="DIR",
        help="only write the configuration of each training, DIR/NAME/seedN.json, for "
        "`segnet-tf train --config`; compare takes the run from OUTPUT/NAME/seedN",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compares."""
    comparison = read_comparison(arguments.config).only(arguments.only)
    if arguments.write_configs:
        for file in write_configs(
            comparison, arguments.seeds, arguments.data, arguments.write_configs
        ):
            print(f"wrote {file}")
        return 0
    return 0


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
