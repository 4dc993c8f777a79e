"""A row and a column of zeros for maps of odd size."""

from __future__ import annotations

import keras
import tensorflow as tf

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="segnet_tf")
class EvenPadding2D(keras.layers.Layer):
    """Adds zeros below an odd number of rows and right of an odd number of columns.

    It stands before a convolution with a stride of 2 and `padding="same"`. Of 44 rows a 3x3 one
    centers its first window on row 1, of 45 rows on row 0: what a network has learned from maps of
    even size would be moved by a pixel of the map, which is up to 16 of the image's. 2x2 poolings
    with `padding="same"` have no such step.

    Call arguments:
        inputs: float `(batch, height, width, channels)`.

    Returns:
        `(batch, height + height % 2, width + width % 2, channels)`, dtype of `inputs`; `inputs`
        itself where both are known to be even.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        known = inputs.shape
        if all(side is not None and side % 2 == 0 for side in known[1:3]):
            return inputs
        runtime = tf.shape(inputs)
        missing = [(runtime[axis] if known[axis] is None else known[axis]) % 2 for axis in (1, 2)]
        return tf.pad(inputs, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Even height and width; `None` where unknown."""
        batch, *size, channels = input_shape
        return (batch, *(None if side is None else side + side % 2 for side in size), channels)
