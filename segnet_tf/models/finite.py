"""Whether a model's weights are numbers: one NaN makes a mask of one class, and no error."""

from __future__ import annotations

import keras
import numpy as np

from segnet_tf.errors import UserError


def not_finite(model: keras.Model) -> str | None:
    """The path of the first weight with NaN or infinity, such as "encoder1_conv1/kernel"."""
    for variable in model.weights:
        value = keras.ops.convert_to_numpy(variable)
        # Seeds of dropout are whole numbers.
        if value.dtype.kind not in "iub" and not np.isfinite(value).all():
            return str(variable.path)
    return None


def require_finite(model: keras.Model, given: object, argument: str) -> None:
    """Raises UserError for a model with a weight that is no number.

    Args:
        given: what the user called it, for the message.
        argument: what the user gave it for, such as "model".
    """
    found = not_finite(model)
    if found is not None:
        raise UserError(
            f"`{argument}` must have finite weights. Received: NaN or infinity in {found} of "
            f"{given}. Take another file: this one's training went wrong, or it is damaged."
        )
