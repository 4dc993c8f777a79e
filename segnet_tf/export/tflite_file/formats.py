"""The forms a .tflite file can have: the one list for functions, commands and benchmarks."""

from __future__ import annotations

from typing import Literal, get_args

from segnet_tf.errors import UserError, did_you_mean

# How a file stores and computes: all in int8; all in float32; float32 with weights stored in
# float16; or float32 with weights stored in int8 (TensorFlow's "dynamic range").
Format = Literal["int8", "float32", "float16", "dynamic"]
# The dtype of the file's input and output.
IoType = Literal["float32", "uint8", "int8"]
# What the file gives for a pixel.
OutputKind = Literal["logits", "probabilities", "labels"]
# The ops that argmax pooling and unpooling become.
Unpool = Literal["builtin", "custom"]

FORMATS: tuple[Format, ...] = get_args(Format)
IO_TYPES: tuple[IoType, ...] = get_args(IoType)
OUTPUT_KINDS: tuple[OutputKind, ...] = get_args(OutputKind)
UNPOOLS: tuple[Unpool, ...] = get_args(Unpool)


def check(format: Format, io: IoType, output_kind: OutputKind, batch: int, unpool: Unpool) -> None:
    """Raises UserError for a form that no file can have.

    Args:
        format: one of `FORMATS`.
        io: one of `IO_TYPES`; only int8 files have another one than float32.
        output_kind: one of `OUTPUT_KINDS`.
        batch: images at a time, 1 or more.
        unpool: one of `UNPOOLS`; `"custom"` needs a format that computes in float.
    """
    if format not in FORMATS:
        raise UserError(
            f"`format` must be one of {', '.join(FORMATS)}. Received: format={format!r}. "
            + did_you_mean(format, FORMATS)
        )
    if io not in IO_TYPES or (format != "int8" and io != "float32"):
        raise UserError(
            '`io` must be float32, or uint8 or int8 together with format="int8" (--int8). '
            f"Received: io={io!r}. Export to int8 or leave out io (--io)."
        )
    if output_kind not in OUTPUT_KINDS:
        raise UserError(
            f"`output_kind` must be one of {', '.join(OUTPUT_KINDS)}. "
            f"Received: output_kind={output_kind!r}."
        )
    if batch < 1:
        raise UserError(f"`batch` must be at least 1. Received: {batch}.")
    if unpool not in UNPOOLS:
        raise UserError(
            f"`unpool` must be one of {', '.join(UNPOOLS)}. Received: unpool={unpool!r}."
        )
    if unpool == "custom" and format in ("int8", "dynamic"):
        raise UserError(
            '`unpool="custom"` (--unpool custom) must go with format="float32" or "float16": '
            f"the delegates have this pair of ops in float only. Received: format={format!r}. "
            "Leave it out, the builtin form is exact in int8 too."
        )
