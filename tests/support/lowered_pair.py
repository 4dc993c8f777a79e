"""A pooling and an unpooling layer alone, lowered into a .tflite file by `export.lowering`."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from segnet_tf.export.conversion import lowering
from segnet_tf.export.conversion.convert import DYNAMIC_RANGE_ELEMENTS
from segnet_tf.export.runtimes import cpu

# Elements of a mask's kernel in a file with int8 weights, as `export.convert` limits them.
LARGEST_KERNEL = DYNAMIC_RANGE_ELEMENTS - 1


def convert(shape, padding, value_range=None, form="float32") -> bytes:
    """The file: input of `shape`, int8 in and out with a `value_range`, else float32.

    Its outputs are the pooled and the unpooled map, in that order. Without a `value_range`, `form`
    is "float32", "float16" or "dynamic".
    """
    largest = LARGEST_KERNEL if form == "dynamic" else None

    def forward(x):
        if value_range is not None:
            x = lowering.fake_quantize(x, value_range)
        pooled, argmax = lowering.max_pool(x, padding, value_range, "pool", largest)
        unpooled = lowering.max_unpool(pooled, argmax, value_range)
        if value_range is not None:
            unpooled = lowering.fake_quantize(unpooled, value_range)
        return {"a_pooled": pooled, "b_unpooled": unpooled}  # sorted by name

    return convert_function(forward, [shape], form if value_range is None else "int8")


def convert_two(shape, pooled_range, value_range, *, ceil=False, groups=1, form="int8") -> bytes:
    """A file that pools a map of `shape` and unpools another one, `groups` times as many channels.

    The ranges are those of int8, `None` for another form.
    """

    def ranged(x, span):
        return x if span is None else lowering.fake_quantize(x, span)

    def forward(x, y):
        x, y = ranged(x, pooled_range), ranged(y, value_range)
        largest = LARGEST_KERNEL if form == "dynamic" else None
        _, argmax = lowering.max_pool(x, "same" if ceil else "valid", pooled_range, "pool", largest)
        return ranged(lowering.max_unpool(y, argmax, value_range), value_range)

    batch, height, width, channels = shape
    small = (batch, (height + ceil) // 2, (width + ceil) // 2, groups * channels)
    return convert_function(forward, [shape, small], form)


def convert_function(forward, shapes, form, io=tf.int8) -> bytes:
    """The file of a function of float32 tensors of `shapes`, in one of the exporter's formats.

    `io` is the type of an int8 file's inputs and outputs.
    """
    signature = [tf.TensorSpec(shape, tf.float32, f"input{i}") for i, shape in enumerate(shapes)]
    function = tf.function(forward, input_signature=signature, autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    )
    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if form == "int8":
        converter.inference_input_type = converter.inference_output_type = io
    return converter.convert()


def interpreters(content: bytes) -> dict:
    return {name: cpu.open_interpreter(content, name) for name in cpu.KERNELS}


def steps(interpreter) -> tuple[np.float32, int]:
    """Scale and zero point of the input of an int8 file."""
    return interpreter.get_input_details()[0]["quantization"]


def on_steps(interpreter, codes: np.ndarray) -> np.ndarray:
    """What int8 codes of the input stand for: real numbers that lie on its steps exactly."""
    scale, zero_point = steps(interpreter)
    return (codes.astype(np.float32) - zero_point) * np.float32(scale)


def reference(x, ceil) -> tuple[np.ndarray, np.ndarray]:
    """Pooled and unpooled map by plain loops: of equal values the first in row-major order."""
    batch, height, width, channels = x.shape
    rows, columns = ((side + ceil) // 2 for side in (height, width))
    pooled = np.zeros((batch, rows, columns, channels), x.dtype)
    unpooled = np.zeros_like(x)
    for i in range(rows):
        for j in range(columns):
            window = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            across = window.shape[2]
            flat = window.reshape(batch, -1, channels)
            # NumPy's argmax takes the first of equals.
            first = flat.argmax(axis=1)
            best = flat.max(axis=1)
            pooled[:, i, j] = best
            n, c = np.indices(first.shape)
            unpooled[n, 2 * i + first // across, 2 * j + first % across, c] = best
    return pooled, unpooled


def tensorflows(x, ceil) -> tuple[np.ndarray, np.ndarray]:
    """The same by `tf.nn.max_pool_with_argmax` and NumPy's `put`."""
    pooled, argmax = tf.nn.max_pool_with_argmax(
        x, 2, 2, "SAME" if ceil else "VALID", output_dtype=tf.int64, include_batch_in_index=True
    )
    unpooled = np.zeros_like(x)
    unpooled.put(argmax.numpy().ravel(), pooled.numpy().ravel())
    return pooled.numpy(), unpooled
