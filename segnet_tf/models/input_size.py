"""Checks before any work that images suit a network, by size and channels, in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import keras
import numpy as np

from segnet_tf.errors import UserError

Shape = tuple[int | None, ...]


def check_shapes(model: keras.Model, name: str) -> tuple[Shape, Shape]:
    """The shapes of a model's input and output.

    Raises:
        UserError: it does not take one image and give one map.
    """
    image, found = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not (
        isinstance(image, tuple)
        and isinstance(found, tuple)
        and len(image) == 4
        and image[3]
        and len(found) in (3, 4)
        and found[-1]
    ):
        raise UserError(
            "`model` must take one image (batch, height, width, channels) and give logits of shape "
            "(batch, height, width, classes). "
            f"Received: {name}, from {image or 'unknown'} to {found or 'unknown'}. "
            "Build it as a Functional or Sequential model, channels last."
        )
    return image, found


def channel_words(count: int) -> str:
    """A number of channels as a user says it."""
    return {1: "1 channel (grey)", 3: "3 channels (RGB)"}.get(count, f"{count} channels")


def check_size(model: keras.Model, size: tuple[int, int], argument: str) -> None:
    """Raises UserError unless `model` takes images of that size; nothing is computed.

    Args:
        model: from images to logits.
        size: `(height, width)` in pixels.
        argument: what the user calls the size.
    """
    try:
        channels = model.input_shape[3]
        outputs = model.compute_output_spec(keras.KerasTensor((1, *size, channels)))
    except ValueError as error:
        raise too_small(argument, size, error) from error
    logits = keras.tree.flatten(outputs)[0]  # in training a model may have others beside it
    if tuple(logits.shape[1:3]) != tuple(size):
        raise UserError(
            f"`{argument}` must be a size that the network gives back. Received: {size[0]}x"
            f"{size[1]} (height x width), logits of {logits.shape[1]}x{logits.shape[2]}."
        )


def check_input_shape(input_shape: Sequence[int | None], depth: int) -> None:
    """Raises UserError unless it is of an image, whose sides survive `depth` halvings."""
    smallest = 2**depth
    shape = tuple(input_shape) if isinstance(input_shape, Iterable) else ()
    *sides, channels = shape or (None,)
    whole = all(isinstance(side, (int, np.integer)) for side in sides if side is not None)
    if len(sides) != 2 or not whole or not isinstance(channels, (int, np.integer)) or channels < 1:
        raise UserError(
            "`input_shape` must be (height, width, channels) in whole numbers, where None stands "
            f"for any height or width. Received: input_shape={input_shape!r}. "
            "Use (360, 480, 3) for RGB, (360, 480, 1) for grey images."
        )
    if any(side is not None and side < smallest for side in sides):
        first = sides[0] in (1, 3, 4) and channels > 4
        raise UserError(
            f"`input_shape` must have sides of at least {smallest} pixels, since the network "
            f"halves them {depth} times. Received: input_shape={tuple(input_shape)}. "
            + ("Put the channels last." if first else "Use larger images.")
        )
    if keras.config.image_data_format() != "channels_last":
        raise UserError(
            "`image_data_format` of Keras must be 'channels_last', which is what TFLite computes "
            f"in. Received: {keras.config.image_data_format()!r}, from keras.json or a call. "
            "Call keras.config.set_image_data_format('channels_last')."
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
