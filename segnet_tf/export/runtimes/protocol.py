"""What every runtime offers. A new runtime is a file with such a class and a row in `registry`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from segnet_tf.errors import UserError

# "slow": seconds an image, on a driver that computes on the CPU. "emulated": up to a minute.
Speed = Literal["native", "slow", "emulated"]


@dataclass(frozen=True)
class RunResult:
    """What a runtime made of a file and its images.

    Attributes:
        outputs: for each image the file's outputs in their order, in real numbers; an output
            without a scale, such as a label map, as the file gives it.
        delegated: nodes of the file that a delegate (XNNPACK, a GPU) took, 0 on kernels without
            one; `None` where the runtime only says "not all".
    """

    outputs: list[list[np.ndarray]]
    delegated: int | None


class Runtime(Protocol):
    """A program that runs .tflite files.

    Attributes:
        name: the user's word for it, its key in `registry.RUNTIMES`.
        speed: how long it takes here, which says how many images a benchmark gives it.
        float16: whether it computes in float16, whatever the file stores.
        has_delegate: whether a delegate can take nodes there.
        shows_int8: whether it computes an int8 file in integers and gives any int8 tensor as an
            output, so that its codes can be checked one by one.
    """

    name: str
    speed: Speed = "native"
    float16: bool = False
    has_delegate: bool = True
    shows_int8: bool = False

    def unavailable(self) -> str | None:
        """Why it cannot be used here and the command that helps, in one line; or `None`."""

    def run(self, content: bytes, images: Sequence[np.ndarray]) -> RunResult:
        """Runs a file on every image.

        Args:
            content: of the .tflite file.
            images: float32, of the shape of the file's input, RGB 0..255.

        Raises:
            UserError: the runtime is missing, refuses the file, or fails on it.
        """
        ...


def check_images(images: Sequence[np.ndarray], shape: tuple[int, ...]) -> None:
    """Raises UserError for an image that is not of the shape of the file's input."""
    for image in images:
        if image.shape != shape:
            raise UserError(
                f"`images` must have the shape {shape} of the file's input. "
                f"Received: {image.shape}. Resize them."
            )
