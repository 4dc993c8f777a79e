"""Is an image large enough for a network? Asked before the work, answered in one line."""

from __future__ import annotations

import re

import keras

from segnet_tf.errors import UserError


def check_size(model: keras.Model, size: tuple[int, int], argument: str) -> None:
    """Raises UserError unless `model` takes images of that size; nothing is computed.

    Args:
        model: from images to logits.
        size: `(height, width)` in pixels.
        argument: what the user calls the size.
    """
    try:
        logits = model.compute_output_spec(keras.KerasTensor((1, *size, 3)))
    except ValueError as error:
        raise too_small(argument, size, error) from error
    if tuple(logits.shape[1:3]) != tuple(size):
        raise UserError(
            f"`{argument}` must be a size that the network gives back. Received: {size[0]}x"
            f"{size[1]} (height x width), logits of {logits.shape[1]}x{logits.shape[2]}."
        )


def too_small(argument: str, size: tuple[int, int], error: Exception) -> UserError:
    """The error to raise when a network fails on images of a size."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # Keras prints in bold
    text = re.sub(r"Exception encountered when calling [^\n]*\n", "", text)
    text = text.rpartition("Error encountered:")[2]
    reason = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return UserError(
        f"`{argument}` must be a size that the network can halve down to its depth. "
        f"Received: {size[0]}x{size[1]} (height x width): {reason.strip()}"
    )
