"""The judge: argmax pooling, unpooling and the gradient of both, by plain loops of NumPy."""

from __future__ import annotations

import numpy as np


def numpy_pool(x, size=2, stride=None, ceil=False):
    """Max-pooling and argmax; the first of equal values wins, and so does a NaN that is first.

    Args:
        x: `(batch, height, width, channels)`.
        size: of the window, a number or (height, width).
        stride: the same between windows, by default `size`.
        ceil: keep incomplete windows. What they lack is shared by both ends, the odd pixel at the
            later one, as in TensorFlow's "SAME".
    """
    size = np.broadcast_to(size, 2)
    stride = size if stride is None else np.broadcast_to(stride, 2)
    batch, *sides, channels = x.shape
    counts, before = [], []
    for side, window, step in zip(sides, size, stride, strict=True):
        count = -(-side // step) if ceil else (side - window) // step + 1
        counts.append(count)
        before.append(max((count - 1) * step + window - side, 0) // 2)
    pooled = np.zeros((batch, *counts, channels), x.dtype)
    argmax = np.zeros(pooled.shape, np.int64)
    for n, i, j, c in np.ndindex(pooled.shape):
        top, left = i * stride[0] - before[0], j * stride[1] - before[1]
        best = None
        for y in range(max(top, 0), min(top + size[0], sides[0])):
            for k in range(max(left, 0), min(left + size[1], sides[1])):
                if best is None or x[n, y, k, c] > x[n, best[0], best[1], c]:
                    best = (y, k)
        pooled[n, i, j, c] = x[n, best[0], best[1], c]
        argmax[n, i, j, c] = (best[0] * sides[1] + best[1]) * channels + c
    return pooled, argmax


def numpy_unpool(pooled, argmax, size):
    """Each value at its argmax, zeros elsewhere; `size` is (height, width)."""
    batch, channels = pooled.shape[0], pooled.shape[-1]
    out = np.zeros((batch, size[0] * size[1] * channels), pooled.dtype)
    for n, i, j, c in np.ndindex(pooled.shape):
        out[n, argmax[n, i, j, c]] = pooled[n, i, j, c]
    return out.reshape(batch, *size, channels)


def numpy_gradient(argmax, upstream):
    """Of `sum(unpool(pool(x)) * upstream)`: upstream's values at the argmax, zeros elsewhere."""
    gradient = np.zeros_like(upstream)
    for image, positions, values in zip(gradient, argmax, upstream, strict=True):
        image.reshape(-1)[positions] = values.reshape(-1)[positions]
    return gradient
