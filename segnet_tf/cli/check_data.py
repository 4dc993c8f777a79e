"""`segnet-tf check-data`: what is in a data set, what is wrong with it, and what mends it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from segnet_tf.cli import command
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import check_file
from segnet_tf.system.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from segnet_tf.data.check_report import DataReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "Read a data set once and say what is in it, what is wrong and what mends that. "
        "Exit code 1: training would refuse it."
    )
    parser.epilog = "example:\n  segnet-tf check-data mydata --pictures pairs.png"
    data = parser.add_argument_group("data")
    data.add_argument("data", metavar="DIR", help="the folder")
    command.add_reading_options(data)
    report = parser.add_argument_group("report")
    report.add_argument("--pictures", metavar="FILE", help="draw four pairs into this PNG")
    command.add_report_options(report)


def run(arguments: argparse.Namespace) -> int:
    """Checks and prints the report; 1 if training would refuse the data."""
    command.check_report(arguments)
    check_file(arguments.pictures, arguments.overwrite, "--pictures")
    start_tensorflow()  # pictures and 16-bit colors need it
    from segnet_tf import plots
    from segnet_tf.config import READING
    from segnet_tf.data.check import check_data

    asked = {name: getattr(arguments, name) for name in READING}
    asked["split_seed"] = asked["split_seed"] or 0
    report = check_data(arguments.data, **asked)
    print(report.text())
    write_json(arguments.json, to_json(report))
    if arguments.pictures is not None and report.classes is not None and report.pictures:
        shown = [(picture.name, picture.image, picture.labels) for picture in report.pictures]
        with replacing(arguments.pictures) as aside:
            plots.pairs(shown, report.classes, aside)
        print(f"\n{len(shown)} pairs drawn in {arguments.pictures}")
    return 1 if report.problems else 0


def to_json(report: DataReport) -> dict[str, Any]:
    """The report as JSON types; sizes are "WIDTHxHEIGHT"."""
    return {
        "data": str(report.directory),
        "layout": report.layout[0],
        "classes": None if report.classes is None else list(report.classes.names),
        "splits": {
            split.name: {
                "pairs": split.pairs,
                "sizes": {f"{width}x{height}": n for (width, height), n in split.sizes.items()},
                "modes": {f"{image} {mask}": n for (image, mask), n in split.modes.items()},
                "pixels": split.census
                and dict(
                    zip(split.census.classes.names, split.census.pixels.tolist(), strict=True)
                ),
                "void": split.census and split.census.void,
            }
            for split in report.splits
        },
        "problems": list(report.problems),
        "remarks": list(report.remarks),
    }
