"""What argmax pooling and unpooling have in common: which of two forms computes them."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.errors import UserError
from segnet_tf.system import devices

FORMS = ("auto", "kernel", "portable")


def pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    """`(height, width)` of an argument that is one positive integer or two; else UserError."""
    sides = (value, value) if isinstance(value, int) else tuple(value)
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UserError(
            f"`{name}` must be a positive integer or two of them, (height, width). "
            f"Received: {name}={value!r}."
        )
    return sides[0], sides[1]


class ArgmaxLayer(keras.layers.Layer):
    """A layer that TensorFlow's kernels or `segnet_tf.portable_ops` compute, by its `form`.

    The form is no part of the configuration: both give the same, and a file that was trained on a
    GPU is best computed otherwise on a CPU. So a loaded or cloned layer has the form "auto".
    """

    @property
    def form(self) -> str:
        """`"auto"`, `"kernel"` or `"portable"`; may be set until the model is compiled."""
        return self._form

    @form.setter
    def form(self, form: str) -> None:
        if form not in FORMS:
            raise UserError(
                "`form` must be 'auto', 'kernel' or 'portable'. "
                f"Received: form={form!r}. Leave it out for the faster one of where it runs."
            )
        self._form = form
        self.tell_keras()

    def obstacle(self) -> str | None:
        """Why there is no portable form of this layer and what to do, or None if there is one."""
        raise NotImplementedError

    def tell_keras(self) -> None:
        # By this Keras decides whether `jit_compile="auto"`, and True, mean XLA for a model.
        self.supports_jit = self._form != "kernel" and self.obstacle() is None

    def check_form(self, needed: bool) -> None:
        """UserError if the portable form is needed and there is none."""
        obstacle = self.obstacle() if needed else None
        if obstacle is not None:
            raise UserError(f"`form` can only be 'kernel' at {self.name}: {obstacle}")

    def is_portable(self) -> bool:
        """Whether what is being built now has the portable form; UserError if it can't and must."""
        if self._form == "kernel":
            return False
        self.check_form(needed=self._form == "portable" or devices.in_xla())
        return self._form == "portable" or not (self.obstacle() or devices.on_cpu_kernels())
