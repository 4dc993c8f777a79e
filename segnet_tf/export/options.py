"""What an export can be asked for, checked as soon as it is said."""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError
from segnet_tf.export.compression.plan import Compression
from segnet_tf.export.tflite_file import formats
from segnet_tf.export.tflite_file.formats import Format, IoType, OutputKind, Unpool

CALIBRATION_IMAGES = 64


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How a model is exported.

    Attributes:
        format: `"int8"` (all of the network in int8, calibrated on the train split), `"float32"`,
            `"float16"` (float32 with weights stored in float16) or `"dynamic"` (float32 with
            weights stored in int8).
        data: a folder, `"synthetic"` or `"synthetic:COUNT"`; `None` is what the run was trained on.
        output: the file; `None` names it after the model, in the run's folder or next to the model.
        input_size: `(height, width)` in pixels; `None` is the model's own, or else the data's.
        io: dtype of input and output: `"float32"`, or with int8 `"uint8"` or `"int8"`. A label map
            is int32 always.
        output_kind: `"logits"`, `"probabilities"` (softmax or sigmoid) or `"labels"` (class ids).
        batch: images at a time, which the file is fixed to.
        unpool: `"builtin"`, or in float32 and float16 `"custom"`: the pair of custom ops that GPU
            delegates and XNNPACK have, see `conversion.delegate_ops`.
        calibration_images: how many training images are measured for the int8 ranges.
        ranges: JSON report of an earlier int8 export, whose ranges are taken instead of measured;
            `None` measures, or with shipped weights and no `data` takes the shipped ones.
        labels: file with the names of the classes, which go into the file; `None` takes the run's.
        limit: score on the first so many validation images only.
        largest_drop: mIoU, as a fraction, that the file may lose; `None` is verify's own limit.
        seed: of the choice of calibration images, and of training for `compression`.
        overwrite: replace an existing file.
        compression: what to train into the model first; nothing by default.
        checkpoints: what the files that keep those trainings are named after. They stay for the
            next export. `None` names them after the output and removes them once it is written.
        debug: with int8, measure what each layer loses: `layer_errors` in the report.

    Raises:
        UserError: a value or a combination that cannot be. What needs the model or a file to be
            judged is checked by `exporter.export`.
    """

    format: Format
    data: str | None = None
    output: str | Path | None = None
    input_size: tuple[int, int] | None = None
    io: IoType = "float32"
    output_kind: OutputKind = "logits"
    batch: int = 1
    unpool: Unpool = "builtin"
    calibration_images: int = CALIBRATION_IMAGES
    ranges: str | Path | None = None
    labels: str | Path | None = None
    limit: int | None = None
    largest_drop: float | None = None
    seed: int = 0
    overwrite: bool = False
    compression: Compression = Compression()
    checkpoints: str | Path | None = None
    debug: bool = False

    def __post_init__(self) -> None:
        formats.check(self.format, self.io, self.output_kind, self.batch, self.unpool)
        if self.calibration_images < 1 or self.seed < 0:
            raise UserError(
                "`calibration_images` must be at least 1, `seed` at least 0. "
                f"Received: {self.calibration_images} and {self.seed}. "
                "Leave them out for the usual choice."
            )
        if self.largest_drop is not None and math.isnan(self.largest_drop):
            raise UserError(
                "`largest_drop` must be a number, since no score is above or below NaN. "
                "Received: nan. Leave it out for the usual limit."
            )
        self._check_int8_only()

    def _check_int8_only(self) -> None:
        """What only an int8 file has, and what goes with it."""
        if self.compression.qat is not None and self.format != "int8":
            raise UserError(
                "`--qat` trains a model for int8 and needs --int8. "
                f"Received: --qat with --{self.format}. Use --int8 or leave out --qat."
            )
        if self.debug and self.format != "int8":
            raise UserError(
                "`--debug` shows what each layer loses in int8 and needs --int8. "
                f"Received: --debug with --{self.format}. Use --int8 or leave out --debug."
            )
        if self.ranges is not None and self.format != "int8":
            raise UserError(
                "`--ranges` are those of int8 and need --int8. "
                f"Received: --ranges with --{self.format}. Use --int8 or leave out --ranges."
            )
        if self.ranges is not None and self.compression:
            raise UserError(
                "`--ranges` cannot be combined with --qat, --prune and --cluster: they change the "
                f"weights, and so the ranges. Received: {self.ranges}. Leave it out."
            )


def options_of(arguments: argparse.Namespace) -> ExportOptions:
    """What the command line asks for, of all its sizes; UserError for what cannot be."""
    if arguments.int16x8:
        raise UserError(
            "`--int16x8` cannot be exact: with 16-bit activations the argmax masks come out wrong, "
            "and XNNPACK takes none of it. Received: --int16x8. Use --int8 or --float16."
        )
    compression = Compression(
        arguments.qat, arguments.prune, arguments.cluster, arguments.fine_tune_epochs
    )
    sizes = arguments.input_size or ()
    if compression and len(sizes) > 1:
        raise UserError(
            "`--input-size` must be one size with --qat, --prune or --cluster, which train "
            f"for each file again. Received: {len(sizes)} sizes. Call it once a size."
        )
    return ExportOptions(
        next(format for format in formats.FORMATS if getattr(arguments, format)),
        data=arguments.data,
        io=arguments.io,
        output_kind=arguments.output_kind,
        batch=arguments.batch,
        unpool=arguments.unpool,
        calibration_images=arguments.calibration_images,
        ranges=arguments.ranges,
        labels=arguments.labels,
        limit=arguments.limit,
        largest_drop=None if arguments.max_drop is None else arguments.max_drop / 100,
        seed=arguments.seed,
        overwrite=arguments.overwrite,
        compression=compression,
        debug=arguments.debug,
    )


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
