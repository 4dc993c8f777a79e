"""At which size a model sees an image: the one home of that rule.

A network knows objects at the scale of its training. On a photo of 4000x3000 pixels, weights that
were trained at 480x360 reach 16 of the 72 points of mIoU that they have at their own scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

from segnet_tf.data.images import spread
from segnet_tf.errors import UserError
from segnet_tf.runs.records import Bounds, ImageSize, RunRecord, bounds_of
from segnet_tf.runs.splits import run_split

# What a user may ask for: `(height, width)`, each image's own size, or None for the rule.
Asked = ImageSize | Literal["own"] | None
# Above it, an image of an unknown model is rather a photo than what it was trained on.
LARGE_PIXELS = 2_000_000
_LINES = 3
# Of an older run's data, to learn its image sizes.
_LOOKED_AT = 8


@dataclass(frozen=True)
class ImageScale:
    """At which size a model sees an image.

    Args:
        fixed: `(height, width)` that the model is fixed to; None takes any.
        trained: the smallest and the largest `(height, width)` of the training images, by area;
            None if nobody knows.
    """

    fixed: ImageSize | None
    trained: Bounds | None

    def seen(self, own: ImageSize, asked: Asked = None) -> ImageSize:
        """`(height, width)` to resize an image of size `own` to.

        What is asked for, or the size that the model is fixed to, or the nearest scale of the
        training: an image of an area that training saw stays as it is, any other gets the area of
        the nearer bound and keeps its aspect.

        Raises:
            UserError: what is asked for is no size.
        """
        if asked == "own":
            return own
        if asked is not None:
            return _checked(asked)
        if self.fixed is not None:
            return self.fixed
        if self.trained is None:
            return own
        smallest, largest = (math.prod(size) for size in self.trained)
        area = math.prod(own)
        nearest = min(max(area, smallest), largest)
        if nearest == area:
            return own
        factor = math.sqrt(nearest / area)
        return max(1, round(own[0] * factor)), max(1, round(own[1] * factor))

    def note(self, own: ImageSize, asked: Asked = None) -> str | None:
        """What a user must know of how an image of size `own` is seen; None if nothing."""
        if asked is not None:
            return None
        seen = self.seen(own)
        if seen != own:
            why = "as in training" if self.fixed is None else "which the model is fixed to"
            return f"photos of {_text(own)} are seen at {_text(seen)} (width x height), {why}"
        unknown = self.fixed is None and self.trained is None
        if unknown and math.prod(own) > LARGE_PIXELS:
            return (
                f"nobody knows at which size the model was trained, so photos of {_text(own)} are "
                "seen as they are: slow, and wrong unless training saw such; give "
                "size=(height, width) (--size HxW), the height and width of the training images"
            )
        return None

    def describe(self, asked: Asked, rescaled: bool) -> list[int] | str:
        """What a report says of the size, `rescaled` being whether an image was not its own."""
        one = self.fixed if asked is None else asked
        if isinstance(one, (tuple, list)):
            return list(one)
        if asked is None and self.trained is not None and rescaled:
            sizes = dict.fromkeys(f"{height}x{width}" for height, width in self.trained)
            return f"scaled to the area that training saw, {' to '.join(sizes)} pixels"
        return "each image's own"


def scene_size(scale: ImageScale, asked: Asked) -> ImageSize | None:
    """`(height, width)` to make synthetic scenes at, which have no size of their own."""
    if isinstance(asked, tuple):
        return asked
    return scale.fixed or (scale.trained and scale.trained[1])


class Notes:
    """Passes on the notes of an `ImageScale`, each once and only the first few.

    Args:
        say: takes a line.
    """

    def __init__(self, say: Callable[[str], None] | None) -> None:
        self._say = say
        self._said: set[str] = set()

    def __call__(self, note: str | None) -> None:
        if note is None or note in self._said or self._say is None or len(self._said) > _LINES:
            return
        self._said.add(note)
        self._say(note if len(self._said) <= _LINES else "other sizes likewise")


def trained_sizes(record: RunRecord | None) -> Bounds | None:
    """The smallest and largest `(height, width)` of a run's training images; None if unknown."""
    if record is None:
        return None
    stored = record.get("image_sizes")
    if stored is not None:
        (height, width), (most_height, most_width) = stored["smallest"], stored["largest"]
        return (height, width), (most_height, most_width)
    if record["config"].get("data") is None:
        return None
    try:  # a run from before sizes were kept: its data, if it is still there
        samples = run_split(record, "train")
        indices = spread(range(len(samples)), _LOOKED_AT)
        return bounds_of([samples.read(index)[1].shape for index in indices])
    except UserError:
        return None


def _checked(size: object) -> ImageSize:
    if isinstance(size, (tuple, list)) and len(size) == 2:
        whole = all(isinstance(side, Integral) and not isinstance(side, bool) for side in size)
        if whole and min(size) >= 1:
            return int(size[0]), int(size[1])
    raise UserError(
        '`size` must be (height, width), two whole numbers of pixels, or "own" for the size of '
        f"each image. Received: size={size!r}. Give size=(360, 480) (--size 360x480), for example."
    )


def _text(size: ImageSize) -> str:
    return f"{size[1]}x{size[0]}"
