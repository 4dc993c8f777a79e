"""Real numbers to the codes of a quantized tensor and back: `real = (code - zero_point) * scale`.

Imports NumPy alone: it also runs where nothing else is installed (`runtimes.aarch64`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike


def quantize(
    values: np.ndarray, dtype: DTypeLike, scale: ArrayLike, zero_point: ArrayLike
) -> np.ndarray:
    """The codes of real numbers, each rounded to the nearest and clipped to the range of `dtype`.

    Args:
        values: real numbers, any dtype.
        dtype: of the tensor. A floating one has no codes: the values are only cast.
        scale: one number, or one a channel of the last axis; 0 or empty for a tensor without
            a scale, whose codes are the numbers themselves.
        zero_point: as many as in `scale`.

    Returns:
        An array of `dtype`. Halves go to the even code, as in `np.rint`.
    """
    dtype = np.dtype(dtype)
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    # float32, as the runtimes divide: float64 would round some halves the other way.
    if not _has_scale(scale):
        scale, zero_point = 1, 0
    steps = np.rint(values.astype(np.float32) / _shaped(scale, np.float32))
    limits = np.iinfo(dtype)
    # float64 holds every int32; float32 would round its largest one up, out of the range.
    codes = steps.astype(np.float64) + _shaped(zero_point, np.float64)
    return np.clip(codes, limits.min, limits.max).astype(dtype)


def dequantize(
    codes: np.ndarray,
    scale: ArrayLike,
    zero_point: ArrayLike,
    dtype: DTypeLike = np.float32,
) -> np.ndarray:
    """The real numbers behind codes.

    Args:
        codes: integers.
        scale: one number, or one a channel of the last axis; 0 or empty for a tensor without
            a scale, which is returned as it is (a label map, or floating numbers).
        zero_point: as many as in `scale`.
        dtype: to compute in: float32 as the runtimes do, float64 to judge them.
    """
    if not _has_scale(scale):
        return codes
    shifted = codes.astype(dtype) - _shaped(zero_point, dtype)
    return shifted * _shaped(scale, dtype)


def _has_scale(scale: ArrayLike) -> bool:
    return bool(np.any(np.asarray(scale)))


def _shaped(numbers: ArrayLike, dtype: DTypeLike) -> np.ndarray:
    array = np.asarray(numbers, dtype)
    # One number must not give a scalar tensor an axis.
    return array.reshape(()) if array.size == 1 else array
