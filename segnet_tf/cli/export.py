"""`segnet-tf export`: a trained model to a .tflite file that has passed its checks."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from segnet_tf.cli import command, export_onnx
from segnet_tf.errors import UserError
from segnet_tf.export.compression import plan
from segnet_tf.export.options import CALIBRATION_IMAGES, UNCERTAINTIES, ExportOptions
from segnet_tf.export.tflite_file import formats
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import check_file
from segnet_tf.system.tensorflow_start import start_tensorflow

MODEL = "run folder, .keras or weights:NAME (the last make demo, or the shipped weights)"
DATA = "a folder, synthetic or synthetic:COUNT (what the run was trained on)"
INT16X8 = "int16x8"
ONNX = "onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "Export a trained model to a .tflite file, check the file, and keep it only if it passes."
    )
    parser.epilog = (
        "examples:\n"
        "  segnet-tf export --int8 --model runs/mine\n"
        "  segnet-tf export --float16 --unpool custom --model weights:segnet_lite_camvid"
    )
    _add_format(parser.add_argument_group("format, one of"))
    _add_source(parser.add_argument_group("model and data"))
    _add_file(parser.add_argument_group("input and output of the file"))
    _add_int8(parser.add_argument_group("ranges of int8"))
    _add_compression(parser.add_argument_group("training before the export"))
    _add_npu(parser.add_argument_group("compiled ahead of time"))
    checks = parser.add_argument_group("checks and report")
    checks.add_argument(
        "--limit", type=int, metavar="N", help="score on the first N validation images only"
    )
    checks.add_argument(
        "--max-drop", type=float, metavar="POINTS", help="points of mIoU the file may lose (2)"
    )
    command.add_report_options(checks)


def _add_format(group: argparse._ArgumentGroup) -> None:
    one_of = group.add_mutually_exclusive_group(required=True)
    for name, text in (
        ("int8", "weights and activations in int8, calibrated on training images"),
        ("float32", "all in float32"),
        ("float16", "float32 with weights stored in float16"),
        ("dynamic", "float32 with weights stored in int8"),
        (ONNX, "a float32 .onnx file for ONNX Runtime, OpenCV and others; needs the extra onnx"),
        (INT16X8, "refused: no delegate takes it"),
    ):
        one_of.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=text)


def _add_source(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--model", metavar="MODEL", help=MODEL)
    add("--data", metavar="DIR", help=DATA)
    add("--output", metavar="FILE", help="the .tflite file (named after the model, next to it)")
    add("--labels", metavar="FILE", help="class names to put into the file (the run's own)")


def _add_file(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--input-size",
        type=command.size,
        nargs="+",
        action="extend",
        metavar="HxW",
        help="size of the images (the training's); for several sizes a file and a report each are "
        "written, with the size in their names",
    )
    add("--batch", type=int, default=1, metavar="N", help="images at a time, fixed (1)")
    add(
        "--io",
        default="float32",
        choices=formats.IO_TYPES,
        help="dtype of input and output (float32, which every client takes)",
    )
    add(
        "--output-kind",
        choices=formats.OUTPUT_KINDS,
        help="what the file computes for a pixel (logits; with an uncertainty probabilities)",
    )
    add(
        "--mc-samples",
        type=int,
        metavar="N",
        help="the mean of N passes with fixed dropout masks, and as a second output how unsure "
        "each pixel is; the model must have dropout",
    )
    add(
        "--uncertainty",
        choices=UNCERTAINTIES,
        help="a second output of a file without samples: the entropy of its probabilities",
    )
    add(
        "--unpool",
        default="builtin",
        choices=formats.UNPOOLS,
        help="ops for argmax pooling and unpooling: builtin ones (default), or the pair of custom "
        "ops that GPU delegates and XNNPACK have, in float32 and float16 only",
    )


def _add_npu(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--npu",
        nargs="+",
        metavar="SOC",
        help="experimental: compile the file for Qualcomm NPUs too, SM8750 for example, and check "
        "it in an emulator; needs make runtimes-npu",
    )


def _add_int8(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--calibration-images",
        type=int,
        default=CALIBRATION_IMAGES,
        metavar="N",
        help="training images that the ranges are measured on (%(default)s)",
    )
    add("--ranges", metavar="FILE", help="take the ranges of this JSON report of an export")
    text = "of the choice of images, and of the masks of --mc-samples (0)"
    add("--seed", type=int, default=0, metavar="N", help=text)
    add("--debug", action="store_true", help="list what each layer loses in int8")


def _add_compression(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--qat", type=int, metavar="EPOCHS", help="with --int8: train on with int8 in the graph")
    add("--prune", type=float, metavar="SHARE", help="train that share of the weights to zero")
    add("--cluster", type=int, metavar="N", help="train to N different values a filter")
    add(
        "--fine-tune-epochs",
        type=int,
        metavar="N",
        help=f"of --prune and --cluster ({plan.EPOCHS})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Exports at each size; 1 if a file failed its checks."""
    if arguments.format == ONNX:
        return export_onnx.run(arguments)
    options = options_of(arguments)
    start_tensorflow()
    from segnet_tf.export import exporter, sources
    from segnet_tf.models.input_size import check_size

    source = sources.open_source(arguments.model)
    path = Path(arguments.output or exporter.default_output(source.name, options.format))
    jobs = jobs_of(arguments.input_size or [None], path, arguments.json)
    for size, output, report_file in jobs:  # all of them before the first takes its time
        if size is not None:
            check_size(source.model, size, "input_size")
        check_file(output, arguments.overwrite)
        check_file(report_file, arguments.overwrite, "--json")
    passed = True
    for size, output, report_file in jobs:
        job = dataclasses.replace(options, input_size=size, output=output)
        try:
            _, report = exporter.export(source, job)
        except exporter.CheckFailed as error:
            report = error.report
        write_json(report_file, report.to_json())
        print(report.text())
        if report.failures:
            passed = False
            print("segnet-tf: a check failed, no file was written", file=sys.stderr)
        else:
            print(f"wrote {output}")
    return 0 if passed else 1


def options_of(arguments: argparse.Namespace) -> ExportOptions:
    """What the command line asks for, of all its sizes; UserError for what cannot be."""
    if arguments.format == INT16X8:
        raise UserError(
            "`--int16x8` is not written: XNNPACK takes none of its ops, an NPU's compiler cuts it "
            "into many parts, and it takes longer than float32. Received: --int16x8. Use --int8 or "
            "--float16."
        )
    compression = plan.Compression(
        arguments.qat, arguments.prune, arguments.cluster, arguments.fine_tune_epochs
    )
    sizes = arguments.input_size or ()
    if compression and len(sizes) > 1:
        raise UserError(
            "`--input-size` must be one size with --qat, --prune or --cluster, which train "
            f"for each file again. Received: {len(sizes)} sizes. Call it once for each size."
        )
    return ExportOptions(
        arguments.format,
        data=arguments.data,
        io=arguments.io,
        output_kind=arguments.output_kind,
        batch=arguments.batch,
        unpool=arguments.unpool,
        mc_samples=arguments.mc_samples,
        uncertainty=arguments.uncertainty,
        calibration_images=arguments.calibration_images,
        ranges=arguments.ranges,
        labels=arguments.labels,
        limit=arguments.limit,
        largest_drop=None if arguments.max_drop is None else arguments.max_drop / 100,
        seed=arguments.seed,
        overwrite=arguments.overwrite,
        compression=compression,
        npu=tuple(arguments.npu or ()),
        debug=arguments.debug,
    )


def jobs_of(
    sizes: list[Any], path: Path, report: str | None
) -> list[tuple[Any, Path, Path | None]]:
    """Sizes and where their files and reports go: several get the size into their names."""
    if len(set(sizes)) < len(sizes):
        raise UserError(
            "`input_size` must name each size once. "
            f"Received: {' '.join(f'{height}x{width}' for height, width in sizes)}. "
            "Leave out the second one."
        )
    report_path = None if report is None else Path(report)
    if len(sizes) == 1:
        return [(sizes[0], path, report_path)]

    def named(path: Path, size: tuple[int, int]) -> Path:
        return path.with_name(f"{path.stem}_{size[0]}x{size[1]}{path.suffix}")

    return [(size, named(path, size), report_path and named(report_path, size)) for size in sizes]
