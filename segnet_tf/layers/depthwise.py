"""Depthwise convolution for training."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="segnet_tf")
class TrainingDepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras's `DepthwiseConv2D`, whose kernel's gradient never leaves float32.

    oneDNN computes it fast in bfloat16 for kernels up to 3x3. Of 5x5 over 4x64x80x144 it takes
    62 ms on one core of an AMD EPYC with bfloat16, in float32 37 ms with both casts; in
    SegNet-Lite's whole training step that is a tenth. Arguments, outputs and weights are Keras's.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        is_slow = inputs.dtype == tf.bfloat16 and max(self.kernel_size) > 3
        if not is_slow or len({*self.strides}) > 1:
            return super().call(inputs)

        def convolve(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
            return tf.nn.depthwise_conv2d(
                x,
                kernel,
                strides=(1, *self.strides, 1),
                padding=self.padding.upper(),
                dilations=self.dilation_rate,
            )

        outputs = _with_wide_gradient(convolve)(inputs, tf.convert_to_tensor(self.kernel))
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias))
        return self.activation(outputs)


def _with_wide_gradient(
    convolve: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The same function of an image and a kernel; the kernel's gradient is computed in float32."""

    @tf.custom_gradient
    def convolved(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[..., object]]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            wide_x, wide_kernel, wide = (tf.cast(t, "float32") for t in (x, kernel, upstream))
            # The convolutions themselves are linear: no value of theirs is read, and the graph
            # drops them.
            with tf.GradientTape(persistent=True) as tape:
                tape.watch((x, wide_kernel))
                outputs, wide_outputs = convolve(x, kernel), convolve(wide_x, wide_kernel)
            to_kernel = tape.gradient(wide_outputs, wide_kernel, wide)
            return tape.gradient(outputs, x, upstream), tf.cast(to_kernel, kernel.dtype)

        return convolve(x, kernel), gradient

    return convolved
