"""`segnet-tf verify`: checks a finished .tflite file against its Keras model."""

from __future__ import annotations

import argparse

from segnet_tf.cli import command
from segnet_tf.cli.export import DATA, MODEL
from segnet_tf.export.tflite_file import formats
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "Check a .tflite file against its Keras model: ops, masks, pixels, score, size, time."
    )
    parser.epilog = (
        "example:\n  segnet-tf verify --tflite runs/mine/model_int8.tflite --model runs/mine"
    )
    what = parser.add_argument_group("file, model and data")
    what.add_argument("--tflite", required=True, metavar="FILE", help="the file to check")
    what.add_argument("--model", metavar="MODEL", help=MODEL)
    what.add_argument("--data", metavar="DIR", help=DATA)
    what.add_argument("--split", metavar="NAME", help="split to score on (the run's for val)")
    what.add_argument("--limit", type=int, metavar="N", help="the first N images only")
    checks = parser.add_argument_group("checks and report")
    checks.add_argument(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="points of mIoU that the file may lose (2)",
    )
    checks.add_argument(
        "--unpool",
        default="builtin",
        choices=formats.UNPOOLS,
        help="ops that the file may unpool with (builtin)",
    )
    command.add_report_options(checks)


def run(arguments: argparse.Namespace) -> int:
    """Checks and prints the report; 1 if a check failed."""
    command.check_report(arguments)
    start_tensorflow()
    from segnet_tf.export import sources
    from segnet_tf.export.verifier import LARGEST_DROP, verify

    source = sources.open_source(arguments.model)
    samples = source.samples(arguments.data, "val", arguments.limit, split=arguments.split)
    report = verify(
        arguments.tflite,
        source.model,
        samples,
        largest_drop=LARGEST_DROP if arguments.max_drop is None else arguments.max_drop / 100,
        unpool=arguments.unpool,
    )
    print(report.text())
    write_json(arguments.json, report.to_json())
    return 1 if report.failures else 0
