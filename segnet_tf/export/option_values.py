"""The values of export options, each by itself: a wrong type is told before anything uses it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Integral, Real

from segnet_tf.errors import UserError
from segnet_tf.export.compression.plan import Compression

_WHOLE = ("batch", "calibration_images", "seed", "limit", "mc_samples")
_PATHS = ("output", "ranges", "labels", "checkpoints")
_FLAGS = ("overwrite", "debug")
# Where None means: not given.
_OPTIONAL = ("limit", "input_size", "largest_drop", "mc_samples", *_PATHS)


def check(values: Mapping[str, object]) -> None:
    """Raises UserError for a value of another type than its option has.

    Args:
        values: of all fields of `ExportOptions`. `format`, `io`, `output_kind` and `unpool` are
            left to `formats.check`, `data` to what opens it.
    """
    for name, value in values.items():
        if value is None and name in _OPTIONAL:
            continue
        if name in _WHOLE and not _is_whole(value):
            raise _wrong(name, "a whole number", value)
        if name in _PATHS and not isinstance(value, (str, os.PathLike)):
            raise _wrong(name, "a path", value)
        if name in _FLAGS and not isinstance(value, bool):
            raise _wrong(name, "True or False", value)
        if name == "largest_drop" and (not isinstance(value, Real) or isinstance(value, bool)):
            raise _wrong(name, "a number, mIoU as a fraction", value)
        if name == "npu" and not _are_names(value):
            raise _wrong(name, 'a tuple of names of SoCs, such as ("SM8750",)', value)
        if name == "compression" and not isinstance(value, Compression):
            raise UserError(
                f"`compression` must be a Compression. Received: {value!r}. Give "
                "segnet_tf.export.Compression(qat=2), for example."
            )
    if values["limit"] is not None and values["limit"] < 1:  # type: ignore[operator]
        raise UserError(
            f"`limit` must be at least 1 image. Received: {values['limit']}. "
            "Leave it out to use them all."
        )


def size_of(value: object) -> tuple[int, int] | None:
    """`input_size` as a tuple; UserError unless it is a height and a width, or None."""
    if value is None:
        return None
    if isinstance(value, (tuple, list)) and len(value) == 2:
        height, width = value
        if _is_whole(height) and _is_whole(width) and min(height, width) >= 1:
            return int(height), int(width)
    raise UserError(
        "`input_size` must be (height, width), two whole numbers of pixels. "
        f"Received: {value!r}. Give input_size=(360, 480) (--input-size 360x480), for example."
    )


def _are_names(value: object) -> bool:
    return isinstance(value, (tuple, list)) and all(isinstance(name, str) for name in value)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _wrong(name: str, kind: str, value: object) -> UserError:
    return UserError(f"`{name}` must be {kind}. Received: {value!r}. Leave it out, or correct it.")
