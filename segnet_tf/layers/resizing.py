"""Brings a map to the size of another one: bilinearly, or by cutting and padding."""

from __future__ import annotations

import keras
import tensorflow as tf

from segnet_tf.system import devices

Shape = tuple[int | None, ...]


class _SizedByReference(keras.layers.Layer):
    """What gives a map the height and width of a second one, and keeps its channels."""

    def compute_output_shape(self, input_shape: Shape, reference_shape: Shape) -> Shape:
        """`(batch, height, width, channels)`; `None` where unknown."""
        return (input_shape[0], *reference_shape[1:3], input_shape[3])

    def compute_output_spec(
        self, inputs: keras.KerasTensor, reference: keras.KerasTensor
    ) -> keras.KerasTensor:
        shape = self.compute_output_shape(inputs.shape, reference.shape)
        return keras.KerasTensor(shape, inputs.dtype)


@keras.saving.register_keras_serializable(package="segnet_tf")
class BilinearResizing2D(_SizedByReference):
    """Resizes a map bilinearly to the height and width of a second one.

    Pixels are squares whose centers lie at `i + 0.5`, as in `tf.image.resize` and in PyTorch's
    `interpolate(align_corners=False)`. `keras.layers.UpSampling2D` takes whole factors only, which
    fit no odd size: 45 rows pool to 22, and twice 22 is 44.

    Call arguments:
        inputs: float `(batch, h, w, channels)`.
        reference: `(batch, height, width, any)`; only its size is read.

    Returns:
        `(batch, height, width, channels)`, dtype of `inputs`.
    """

    def call(self, inputs: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
        sizes = tf.shape(reference)[1:3]
        if devices.in_xla():
            # XLA compiles TensorFlow's op to other values: of random 9x11 pixels in 0..1 resized to
            # 17x23 some are 0.9 off.
            x = tf.cast(inputs, tf.float32)
            rows = interpolation_matrix(tf.shape(x)[1], sizes[0])
            columns = interpolation_matrix(tf.shape(x)[2], sizes[1])
            resized = tf.einsum("bhwc,ih,jw->bijc", x, rows, columns)
        else:
            resized = tf.image.resize(inputs, sizes, "bilinear")
        resized = tf.ensure_shape(resized, self.compute_output_shape(inputs.shape, reference.shape))
        # TensorFlow's op gives float32, whatever it takes.
        return tf.cast(resized, inputs.dtype)


def interpolation_matrix(size: tf.Tensor, resized: tf.Tensor) -> tf.Tensor:
    """The weights of each pixel of a side in each pixel of the resized one.

    Args:
        size: pixels along the side.
        resized: pixels along the resized side.

    Returns:
        float32 `(resized, size)`; every row sums to 1.
    """
    last = tf.cast(size - 1, tf.float32)
    step = tf.cast(size, tf.float32) / tf.cast(resized, tf.float32)
    place = (tf.range(resized, dtype=tf.float32) + 0.5) * step - 0.5
    # Before the first center and behind the last one their values go on.
    place = tf.clip_by_value(place, 0.0, last)[:, tf.newaxis]
    return tf.maximum(0.0, 1.0 - tf.abs(place - tf.range(size, dtype=tf.float32)))


@keras.saving.register_keras_serializable(package="segnet_tf")
class CropOrPad2D(_SizedByReference):
    """Cuts off the last rows and columns of a map, or adds zeros after them, to fit a second map.

    A transposed convolution of stride 2 doubles a size, and the map that was halved before may
    have had an odd one: 45 rows are halved to 22 (floor) or 23 (ceil), and 44 or 46 come back.

    Call arguments:
        inputs: float `(batch, h, w, channels)`.
        reference: `(batch, height, width, any)`; only its size is read.

    Returns:
        `(batch, height, width, channels)`, dtype of `inputs`.
    """

    def call(self, inputs: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
        sizes = tf.shape(reference)[1:3]
        x = inputs[:, : sizes[0], : sizes[1]]
        lack = sizes - tf.shape(x)[1:3]
        x = tf.pad(x, [[0, 0], [0, lack[0]], [0, lack[1]], [0, 0]])
        return tf.ensure_shape(x, self.compute_output_shape(inputs.shape, reference.shape))
