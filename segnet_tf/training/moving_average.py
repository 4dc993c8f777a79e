"""The moving average of the weights that an optimizer keeps with `--ema`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from segnet_tf.training.epoch_log import Logs


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Puts the optimizer's moving average into the model for the block, if it keeps one.

    The weights come back bit for bit, which adding and subtracting in place would not give.
    """
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not inner.use_ema:
        yield
        return
    raw = [variable.numpy().copy() for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, raw, strict=True):
            variable.assign(value)


class ValidateAverage(keras.callbacks.Callback):
    """Validates with the moving average of the weights; training goes on with the raw ones."""

    def __init__(self) -> None:
        super().__init__()
        self._swap: contextlib.AbstractContextManager[None] | None = None

    def on_test_begin(self, logs: Logs = None) -> None:
        self._swap = averaged_weights(self.model)
        self._swap.__enter__()

    def on_test_end(self, logs: Logs = None) -> None:
        if self._swap is not None:
            self._swap.__exit__(None, None, None)
            self._swap = None
