"""Writes android_demo_assets/: python -m export.android_assets [--model MODEL] [--data DIR]"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from segnet_tf.cli import command
from segnet_tf.system.tensorflow_start import start_tensorflow

FOLDER = Path(__file__).resolve().parents[1] / "android_demo_assets"
MODEL = "weights:segnet_lite_camvid"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Write the files that an app developer copies, in place of earlier ones."
    parser.epilog = "example:\n  python -m export.android_assets --data path/to/camvid"
    add = parser.add_argument
    add("--model", default=MODEL, metavar="MODEL", help="weights:NAME or a run (%(default)s)")
    add("--data", metavar="DIR", help="data set to score the files on")
    add("--limit", type=int, metavar="N", help="score on the first N images only")
    add("--output", default=str(FOLDER), metavar="FOLDER", help="(android_demo_assets)")


def run(arguments: argparse.Namespace) -> int:
    """Writes the folder; 1 if a file failed a check."""
    start_tensorflow()
    from export.android import assets
    from segnet_tf.export.exporter import CheckFailed

    try:
        manifest = assets.write(
            arguments.output, model=arguments.model, data=arguments.data, limit=arguments.limit
        )
    except CheckFailed as error:
        print(f"android_assets: a check failed, nothing was written: {error}", file=sys.stderr)
        return 1
    for entry in manifest["models"]:
        print(f"{entry['file']}: {entry['bytes'] / 1e6:.2f} MB, {_words(entry['score'])}")
    print(f"wrote {arguments.output}")
    return 0


def _words(score: dict[str, Any]) -> str:
    if score["mean_iou"] is None:
        return f"no score, give --data; {100 * score['pixels_as_keras']:.2f} % of pixels as Keras"
    return f"mean IoU {100 * score['mean_iou']:.2f} % ({score['protocol']})"


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 1 if a check failed, 2 for bad input."""
    return command.main("android_assets", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
