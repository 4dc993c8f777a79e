"""Keras 3 layers for SegNet's pooling indices."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from segnet_tf import ops, portable_ops
from segnet_tf.errors import UserError
from segnet_tf.layers.argmax_layer import ArgmaxLayer, pair

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="segnet_tf")
class MaxPoolingWithArgmax2D(ArgmaxLayer):
    """Max-pooling that also returns where each maximum was.

    Args:
        pool_size: window in pixels, one integer or `(height, width)`.
        strides: step in pixels, one integer or `(height, width)`; `None` means `pool_size`.
        padding: `"valid"` (floor: 45 rows pool to 22) or `"same"` (ceil: 45 pool to 23).
        form: how it is computed; the outputs and gradients are the same. `"kernel"` is TensorFlow's
            op, fast on a CPU; XLA lacks it, and a GPU its deterministic gradient. `"portable"` is
            made of comparisons, for XLA, GPUs and TPUs and windows with `strides` of `pool_size`.
            `"auto"` takes the portable one there and the kernel elsewhere. It is not saved.

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
        form: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, "strides")
        if padding not in ("valid", "same"):
            raise UserError(
                "`padding` must be 'valid' (floor) or 'same' (ceil). "
                f"Received: padding={padding!r}."
            )
        self.padding = padding
        self.input_spec = keras.layers.InputSpec(ndim=4)
        self.form = form
        self.check_form(needed=form == "portable")

    def obstacle(self) -> str | None:
        if self.strides == self.pool_size:
            return None
        return (
            "the portable one, which XLA needs, is for windows without overlap and gaps. "
            f"Received: pool_size={self.pool_size}, strides={self.strides}. Make them equal."
        )

    def call(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        self._check(inputs.shape)
        if self.is_portable():
            return portable_ops.max_pool_with_argmax(inputs, self.pool_size, self.padding)
        return ops.max_pool_with_argmax(inputs, self.pool_size, self.strides, self.padding)

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        """The shapes of `pooled` and `argmax`, which are the same; `None` where unknown."""
        self._check(input_shape)
        sides = []
        for side, window, step in zip(input_shape[1:3], self.pool_size, self.strides, strict=True):
            first = 1 if self.padding == "same" else window
            sides.append(None if side is None else (side - first) // step + 1)
        shape = (input_shape[0], *sides, input_shape[3])
        return shape, shape

    def compute_output_spec(
        self, inputs: keras.KerasTensor
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        # Keras's own gives every output the layer's float dtype, also the argmax.
        pooled, argmax = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(pooled, inputs.dtype), keras.KerasTensor(argmax, "int64")

    def _check(self, shape: Shape) -> None:
        if self.padding == "same":
            return
        for side, window in zip(shape[1:3], self.pool_size, strict=True):
            if side is not None and side < window:
                raise UserError(
                    "`inputs` must be at least as large as `pool_size` when padding='valid'. "
                    f"Received: inputs.shape={tuple(shape)}, "
                    f"pool_size={self.pool_size}. Use a larger image or padding='same'."
                )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }


@keras.saving.register_keras_serializable(package="segnet_tf")
class MaxUnpooling2D(ArgmaxLayer):
    """Puts each pooled value back where max-pooling found it, zeros elsewhere.

    Args:
        output_size: `(height, width)` of the unpooled map in pixels, needed because an odd
            height such as 45 pools to 22 or 23. May be given in the call instead.
        pool_size: the window of the pooling, for the portable form. `None` takes it from the
            pooling layer, which a functional Keras model knows; give it in other models.
        form: as for `MaxPoolingWithArgmax2D`.

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

    def __init__(
        self,
        output_size: int | tuple[int, int] | None = None,
        pool_size: int | tuple[int, int] | None = None,
        form: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_size = None if output_size is None else pair(output_size, "output_size")
        self.pool_size = None if pool_size is None else pair(pool_size, "pool_size")
        # `(pool_size, strides)` of the pooling layers that the layer was called on in a model.
        self._poolings: frozenset[tuple[tuple[int, int], tuple[int, int]]] = frozenset()
        self.form = form

    def _window(self) -> tuple[int, int] | None:
        """The window to undo, if one is known and the portable form can."""
        known = [*self._poolings, *([] if self.pool_size is None else [(self.pool_size,) * 2])]
        windows = {window if window == strides else None for window, strides in known}
        return windows.pop() if len(windows) == 1 else None

    def obstacle(self) -> str | None:
        if self._window() is not None:
            return None
        if not self._poolings:
            return (
                "the portable one, which XLA needs, must know the window of the pooling, and the "
                "argmax comes from no pooling layer of a functional Keras model. "
                "Received: pool_size=None. Give `pool_size`."
            )
        found = ", ".join(f"pool_size={p} with strides={s}" for p, s in sorted(self._poolings))
        return (
            "the portable one, which XLA needs, undoes poolings of one window, without overlap and "
            f"gaps. Received: pool_size={self.pool_size} for an argmax of {found}. Make "
            "strides equal to pool_size, and use a layer for each window."
        )

    def call(
        self,
        pooled: tf.Tensor,
        argmax: tf.Tensor,
        output_size: tf.Tensor | tuple[int, int] | None = None,
    ) -> tf.Tensor:
        _check_argmax(pooled.shape, argmax.shape)
        size = self.target_size(output_size)
        if not self.is_portable():
            return ops.max_unpool(pooled, argmax, size)
        window = self._window()
        assert window is not None  # else there was an obstacle
        return portable_ops.max_unpool(pooled, argmax, size, window)

    def compute_output_shape(
        self, pooled_shape: Shape, argmax_shape: Shape, output_size_shape: Shape | None = None
    ) -> Shape:
        """The shape of the unpooled map.

        Args:
            pooled_shape: of `pooled`.
            argmax_shape: of `argmax`.
            output_size_shape: of the tensor that was pooled, where the call takes one;
                `None` means the layer's own `output_size`.
        """
        _check_argmax(pooled_shape, argmax_shape)
        if output_size_shape is None:
            sides: Shape = pair(self._given(None), "output_size")
        else:
            sides = tuple(output_size_shape[1:3])
        return (pooled_shape[0], *sides, pooled_shape[3])

    def compute_output_spec(
        self,
        pooled: keras.KerasTensor,
        argmax: keras.KerasTensor,
        output_size: keras.KerasTensor | tuple[int, int] | None = None,
    ) -> keras.KerasTensor:
        source = getattr(getattr(argmax, "_keras_history", None), "operation", None)
        if isinstance(source, MaxPoolingWithArgmax2D):
            self._poolings |= {(source.pool_size, source.strides)}
            self.tell_keras()
            self.check_form(needed=self.form == "portable")
        # Keras's own sees the shapes of tensors only, not the integers of `output_size`.
        size = self._given(output_size)
        like = size.shape if hasattr(size, "shape") else (None, *pair(size, "output_size"), None)
        shape = self.compute_output_shape(pooled.shape, argmax.shape, like)
        return keras.KerasTensor(shape, pooled.dtype)

    def target_size(
        self, output_size: tf.Tensor | tuple[int, int] | None
    ) -> tuple[int | tf.Tensor, int | tf.Tensor]:
        """The `(height, width)` to unpool to: integers where known, scalar tensors elsewhere."""
        size = self._given(output_size)
        if not hasattr(size, "shape"):
            return pair(size, "output_size")
        dynamic = tf.shape(size)
        height, width = size.shape[1:3]
        return dynamic[1] if height is None else height, dynamic[2] if width is None else width

    def _given(self, output_size: tf.Tensor | tuple[int, int] | None) -> Any:
        """The call's `output_size` or else the layer's; UserError without either."""
        size = self.output_size if output_size is None else output_size
        if size is None:
            raise UserError(
                "`output_size` must be given to MaxUnpooling2D, to the layer or to the call. "
                "Received: None. Pass (height, width) or the tensor that was pooled."
            )
        return size

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "output_size": self.output_size}
        # Left out where it is not needed: files stay as they were before there was a `pool_size`.
        return config if self.pool_size is None else {**config, "pool_size": self.pool_size}


def _check_argmax(pooled: Shape, argmax: Shape) -> None:
    channels, indices = pooled[-1], argmax[-1]
    whole_groups = channels and indices and channels % indices == 0
    if tuple(pooled[:-1]) != tuple(argmax[:-1]) or not whole_groups:
        raise UserError(
            "`argmax` must have the shape of `pooled`, or a whole fraction of its channels. "
            f"Received: pooled.shape={tuple(pooled)}, argmax.shape={tuple(argmax)}. "
            "Pass the argmax of the pooling layer at the same depth."
        )
