"""Keras 3 layers for SegNet's pooling indices."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from segnet_tf import ops
from segnet_tf.errors import UserError


def _pair(value: int | tuple[int, int], name: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(isinstance(side, int) and side > 0 for side in pair):
        raise UserError(
            f"`{name}` must be a positive integer or two of them, (height, width). "
            f"Received: {name}={value!r}."
        )
    return pair[0], pair[1]


@keras.saving.register_keras_serializable(package="segnet_tf")
class MaxPoolingWithArgmax2D(keras.layers.Layer):
    """Max-pooling that also returns where each maximum was.

    Args:
        pool_size: window in pixels, one integer or `(height, width)`.
        strides: step in pixels, one integer or `(height, width)`; `None` means `pool_size`.
        padding: `"valid"` (floor: 45 rows pool to 22) or `"same"` (ceil: 45 pool to 23).

    Call arguments:
        inputs: float `(batch, height, width, channels)`.

    Returns:
        `(pooled, argmax)`: `pooled` has the dtype of `inputs`; `argmax` is int64 of the same
        shape, `(y * width + x) * channels + channel` within each image, and the first position
        in row-major order wins a tie. The gradient flows to the argmax positions only.

    Reference:
        Badrinarayanan et al., 2017, https://arxiv.org/abs/1511.00561
    """

    def __init__(
        self,
        pool_size: int | tuple[int, int] = 2,
        strides: int | tuple[int, int] | None = 2,
        padding: str = "valid",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = _pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else _pair(strides, "strides")
        if padding not in ("valid", "same"):
            raise UserError(
                "`padding` must be 'valid' (floor) or 'same' (ceil). "
                f"Received: padding={padding!r}."
            )
        self.padding = padding
        self.input_spec = keras.layers.InputSpec(ndim=4)
        # MaxPoolWithArgmax has no XLA kernel.
        self.supports_jit = False

    def call(self, inputs):
        if self.padding == "valid":
            for side, window in zip(inputs.shape[1:3], self.pool_size, strict=True):
                if side is not None and side < window:
                    raise UserError(
                        "`inputs` must be at least as large as `pool_size` when padding='valid'. "
                        f"Received: inputs.shape={tuple(inputs.shape)}, "
                        f"pool_size={self.pool_size}. Use a larger image or padding='same'."
                    )
        return ops.max_pool_with_argmax(inputs, self.pool_size, self.strides, self.padding)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }


@keras.saving.register_keras_serializable(package="segnet_tf")
class MaxUnpooling2D(keras.layers.Layer):
    """Puts each pooled value back where max-pooling found it, zeros elsewhere.

    Args:
        output_size: `(height, width)` of the unpooled map in pixels, needed because an odd
            height such as 45 pools to 22 or 23. May be given in the call instead.

    Call arguments:
        pooled: float `(batch, h, w, groups * channels)`. One group is SegNet's unpooling; with
            more, channel `g * channels + c` goes where the argmax of channel c says.
        argmax: int64 `(batch, h, w, channels)`, from the `MaxPoolingWithArgmax2D` at the same
            depth.
        output_size: `(height, width)` as integers, or the tensor that was pooled, whose size is
            taken when the model runs (for models of any image size; its values are not read).

    Returns:
        `(batch, height, width, groups * channels)`, dtype of `pooled`.

    Reference:
        Badrinarayanan et al., 2017, https://arxiv.org/abs/1511.00561
    """

    def __init__(self, output_size: int | tuple[int, int] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = None if output_size is None else _pair(output_size, "output_size")
        self.supports_jit = False

    def call(self, pooled, argmax, output_size=None):
        whole_groups = pooled.shape[-1] % argmax.shape[-1] == 0
        if tuple(pooled.shape[:-1]) != tuple(argmax.shape[:-1]) or not whole_groups:
            raise UserError(
                "`argmax` must have the shape of `pooled`, or a whole fraction of its channels. "
                f"Received: pooled.shape={tuple(pooled.shape)}, "
                f"argmax.shape={tuple(argmax.shape)}. "
                "Pass the argmax of the pooling layer at the same depth."
            )
        return ops.max_unpool(pooled, argmax, self.target_size(output_size))

    def target_size(self, output_size):
        """The `(height, width)` to unpool to: integers where known, scalar tensors elsewhere."""
        if output_size is None:
            output_size = self.output_size
        if output_size is None:
            raise UserError(
                "`output_size` must be given to MaxUnpooling2D, to the layer or to the call. "
                "Received: None. Pass (height, width) or the tensor that was pooled."
            )
        if hasattr(output_size, "shape"):
            dynamic = tf.shape(output_size)
            static = output_size.shape[1:3]
            return tuple(dynamic[i + 1] if side is None else side for i, side in enumerate(static))
        return _pair(output_size, "output_size")

    def get_config(self):
        return {**super().get_config(), "output_size": self.output_size}
