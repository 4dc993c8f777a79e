"""`segnet-tf pack`: a model at half its size, to hand on."""

from __future__ import annotations

import argparse

from segnet_tf.system.tensorflow_start import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "Write a model for others: kernels in float16, no optimizer state, no paths."
    )
    parser.epilog = "example:\n  segnet-tf pack --model runs/mine --output mine.keras"
    add = parser.add_argument
    add("--model", required=True, metavar="MODEL", help="run folder or .keras file")
    add("--output", required=True, metavar="FILE", help="the .keras file to write")
    add("--overwrite", action="store_true", help="replace the file in --output")


def run(arguments: argparse.Namespace) -> int:
    """Packs the model."""
    start_tensorflow()
    from segnet_tf.runs.packing import pack

    pack(arguments.model, arguments.output, overwrite=arguments.overwrite)
    print(f"wrote {arguments.output}")
    return 0
