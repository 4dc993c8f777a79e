"""How many pixels each class has in a split, and what in that looks wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from segnet_tf.data.classes import VOID, Classes
from segnet_tf.data.samples import Samples
from segnet_tf.errors import UserError
from segnet_tf.system.progress import counted
from segnet_tf.system.threads import in_order

# Above it void is rather a class that the class file does not know.
MUCH_VOID = 0.3


@dataclass(frozen=True)
class Census:
    """Pixels of a split, counted in one pass.

    Attributes:
        split: name of the split.
        classes: what the ids mean.
        images: how many images were counted.
        of: how many there are, where a sample of them was counted; None where all were.
        pixels: int64, the pixels of each class.
        image_pixels: int64, for each class all pixels that aren't void of the images in which
            it is present.
        void: the pixels of void.
    """

    split: str
    classes: Classes
    images: int
    pixels: np.ndarray
    image_pixels: np.ndarray
    void: int
    of: int | None = None

    @property
    def void_share(self) -> float:
        """The share of void in all pixels, 0..1."""
        return self.void / max(1, self.void + int(self.pixels.sum()))

    @property
    def shares(self) -> np.ndarray:
        """float64, the share of each class in the pixels that aren't void, 0..1."""
        return self.pixels / max(1, int(self.pixels.sum()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What looks wrong, each with what to write in the class file."""
        found = []
        absent = [
            name for name, count in zip(self.classes.names, self.pixels, strict=False) if count == 0
        ]
        if absent:
            names = ", ".join(absent[:5]) + f" and {len(absent) - 5} more" * (len(absent) > 5)
        if absent and self.of is not None:
            found.append(
                f"no pixel of {names} in the {self.images} masks of {self.split} that were counted "
                f"of {self.of}: a weight that is to be counted is that of the rarest class found. "
                "check-data counts all."
            )
        elif absent:
            found.append(
                f"no pixel of {names} in the {self.images} masks of {self.split}: nothing can be "
                "learned of it. If the masks hold it under another value, write each id before "
                f'its name in the class file ("4 {absent[0]}"); if not, take the name out.'
            )
        if self.void_share > MUCH_VOID:
            found.append(
                f"{100 * self.void_share:.1f} % of the pixels of {self.split} are void, neither "
                "trained nor scored. If they are a class, write it in the class file with the "
                'value that the masks hold ("255 background").'
            )
        return tuple(found)


def count_labels(labels: np.ndarray) -> np.ndarray:
    """int64 `(256,)`, the pixels of each label of a label map."""
    return np.bincount(labels.ravel(), minlength=VOID + 1)


def take_census(samples: Samples, ids: int | None = None) -> Census:
    """Counts labels in one pass over the samples, a few images in memory at a time.

    Args:
        samples: images and label maps, 255 = void.
        ids: how many class ids there are; None takes those of `samples.classes`.

    Raises:
        UserError: a label is neither a class id nor void.
    """
    ids = len(samples.classes) if ids is None else ids

    def count(index: int) -> np.ndarray:
        found = count_labels(samples.read(index)[1])
        strays = np.flatnonzero(found[ids:VOID]) + ids
        if len(strays):
            raise UserError(
                f"Labels must be class ids 0 to {ids - 1}, or {VOID} for void. "
                f"Received: {strays[0]} in {samples.stems[index]}. "
                "Check `num_classes` and the masks."
            )
        return found

    everything = range(len(samples))
    counts = counted(in_order(count, everything), len(samples), "counting classes")
    return sum_counts(samples.split, samples.classes, counts, ids)


def sum_counts(
    split: str, classes: Classes, counts: Iterable[np.ndarray], ids: int | None = None
) -> Census:
    """The census of label maps that `count_labels` has counted."""
    ids = len(classes) if ids is None else ids
    images, total = 0, np.zeros(VOID + 1, np.int64)
    image_pixels = np.zeros(ids, np.int64)
    for found in counts:
        images += 1
        total += found
        image_pixels += np.where(found[:ids] > 0, found[:ids].sum(), 0)
    return Census(split, classes, images, total[:ids], image_pixels, int(total[VOID]))
