"""What `python export/tflite.py` can be asked for: its options, in the words of the help text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError

CALIBRATION_IMAGES = 64


def weights_of(arguments: argparse.Namespace) -> str:
    """How the file stores its weights, as `convert.convert` calls it; UserError for --int16x8."""
    if arguments.int16x8:
        raise UserError(
            "`--int16x8` cannot be exact: with 16-bit activations the argmax masks come out wrong, "
            "and XNNPACK takes none of it. Received: --int16x8. Use --int8 or --float16."
        )
    return "float16" if arguments.float16 else "int8" if arguments.dynamic else "float32"


def parse_size(text: str) -> tuple[int, int]:
    """`HEIGHTxWIDTH` in pixels."""
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH in pixels. Received: {text}")
    return int(height), int(width)


def jobs_of(
    sizes: list[Any], path: Path, report: str | None
) -> list[tuple[Any, Path, Path | None]]:
    """Sizes and where their files and reports go: several get the size into their names."""
    if len(set(sizes)) < len(sizes):
        raise UserError(
            "`input_size` must name each size once. "
            f"Received: {' '.join(f'{height}x{width}' for height, width in sizes)}."
        )
    report_path = None if report is None else Path(report)
    if len(sizes) == 1:
        return [(sizes[0], path, report_path)]

    def named(path: Path, size: tuple[int, int]) -> Path:
        return path.with_name(f"{path.stem}_{size[0]}x{size[1]}{path.suffix}")

    return [(size, named(path, size), report_path and named(report_path, size)) for size in sizes]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Export a trained SegNet to a .tflite file.")
    add = parser.add_argument
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--int8", action="store_true", help="full int8, calibrated on train images")
    kind.add_argument("--float32", action="store_true", help="float32")
    kind.add_argument("--float16", action="store_true", help="float32 with weights in float16")
    kind.add_argument("--dynamic", action="store_true", help="weights in int8, float32 in and out")
    kind.add_argument("--int16x8", action="store_true", help="refused: it breaks the argmax masks")
    add("--model", metavar="MODEL", help="run folder, .keras or weights:NAME (the last make demo)")
    add("--data", metavar="DIR", help="a folder, synthetic or synthetic:COUNT (the run's own)")
    add("--output", metavar="FILE", help="the .tflite file (named after the model, next to it)")
    add(
        "--input-size",
        type=parse_size,
        nargs="+",
        action="extend",
        metavar="HxW",
        help="size of the images (the data's); several make a file and a report each, the size in "
        "their names",
    )
    add("--batch", type=int, default=1, metavar="N", help="images at a time, fixed (1)")
    add(
        "--unpool",
        default="builtin",
        choices=("builtin", "custom"),
        help="ops for argmax pooling and unpooling: builtin ones (default), or the pair of custom "
        "ops that GPU delegates and XNNPACK have, in float only",
    )
    add(
        "--io",
        default="float32",
        choices=("float32", "uint8", "int8"),
        help="dtype of input and output (float32, which every client takes)",
    )
    add(
        "--output-kind",
        default="logits",
        choices=("logits", "probabilities", "labels"),
        help="what the file gives a pixel (logits)",
    )
    add(
        "--calibration-images",
        type=int,
        default=CALIBRATION_IMAGES,
        metavar="N",
        help="training images that set the int8 ranges (%(default)s)",
    )
    add("--ranges", metavar="FILE", help="JSON report of an export whose int8 ranges to take again")
    add("--labels", metavar="FILE", help="class names to put into the file (the run's own)")
    add("--qat", type=int, metavar="EPOCHS", help="with --int8: train on with int8 in the graph")
    add("--prune", type=float, metavar="SHARE", help="train that share of the weights to zero")
    add("--cluster", type=int, metavar="N", help="train to N different values a filter")
    add("--fine-tune-epochs", type=int, metavar="N", help="of --prune and --cluster (4)")
    add("--debug", action="store_true", help="with --int8: list what each layer loses")
    add("--limit", type=int, metavar="N", help="score on the first N validation images only")
    add("--max-drop", type=float, metavar="POINTS", help="points of mIoU the file may lose (2)")
    add("--seed", type=int, default=0, help="of the choice of calibration images (0)")
    add("--json", metavar="OUT", help="write the report to this file")
    add("--overwrite", action="store_true", help="replace existing files")
    return parser


def parse_options(argv: list[str] | None) -> argparse.Namespace:
    """What the user asked for; ends the process with 2 for what argparse refuses."""
    return _parser().parse_args(argv)
