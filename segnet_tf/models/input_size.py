"""Checks that an image is large enough for a network before any work, with a one-line error."""

from __future__ import annotations

import re
from collections.abc import Sequence

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


def check_input_shape(input_shape: Sequence[int | None], depth: int) -> None:
    """Raises UserError unless every side survives `depth` halvings and there are 3 channels."""
    smallest = 2**depth
    ok = (
        len(input_shape) == 3
        and input_shape[2] == 3
        and all(
            side is None or (isinstance(side, int) and side >= smallest) for side in input_shape[:2]
        )
    )
    if not ok:
        raise UserError(
            f"`input_shape` must be (height, width, 3) with sides of at least {smallest} pixels, "
            f"since the network halves them {depth} times. "
            f"Received: input_shape={tuple(input_shape)}. Use larger images."
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
