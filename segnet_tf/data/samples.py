"""Pairs of image and labels, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from segnet_tf.data.classes import Classes
from segnet_tf.errors import UserError

# An image and its labels; what they hold is said in `Samples`.
Pair = tuple[np.ndarray, np.ndarray]
Read = Callable[[int], Pair]


@dataclass(frozen=True)
class Samples:
    """Pairs of one split. Nothing is read until `read` is called.

    Args:
        source: where they come from, e.g. "camvid".
        split: "train", "val" or "test".
        classes: what the label ids mean.
        stems: one name a pair: the file name without its suffix.
        read: index -> `(image, labels)`, RGB uint8 `(H, W, 3)` and uint8 `(H, W)` with
            ids 0..n-1 and `VOID`. The same index always gives the same arrays.
        read_as: the same for images of other channels, `(channels, index) -> (image, labels)`; None
            where there are none but those that `read` gives.
        is_labelled: False for images alone, whose labels are all `VOID`: nothing can be scored.
        files: the file of each image; empty where images are in no files.
        origin_of: index -> the name of a pair that no other pair of any data has, and the state of
            its files: as long as both are equal, `read` gives the same. None where there are no
            files that could change.
    """

    source: str
    split: str
    classes: Classes
    stems: tuple[str, ...]
    read: Read
    read_as: Callable[[int, int], Pair] | None = None
    is_labelled: bool = True
    files: tuple[Path, ...] = ()
    origin_of: Callable[[int], tuple[str, str]] | None = None

    def __len__(self) -> int:
        return len(self.stems)

    def subset(self, which: int | Iterable[int]) -> Samples:
        """The first `which` pairs, or the pairs at the indices `which`, in that order."""
        if isinstance(which, int | np.integer):
            if which < 1:
                raise UserError(
                    f"`limit` must be at least 1 image. Received: {which}. "
                    "Leave it out to use them all."
                )
            which = range(min(int(which), len(self)))
        indices = tuple(int(i) for i in which)
        return replace(
            self,
            stems=tuple(self.stems[i] for i in indices),
            read=partial(_read_at, self.read, indices),
            read_as=self.read_as and partial(_read_as_at, self.read_as, indices),
            files=tuple(self.files[i] for i in indices) if self.files else (),
            origin_of=self.origin_of and partial(_origin_at, self.origin_of, indices),
        )

    def name(self, index: int) -> str:
        """What a message calls a pair: its image's file, or its stem."""
        return str(self.files[index]) if self.files else self.stems[index]

    def origin(self, index: int) -> tuple[str, str]:
        """Name and state of a pair, see `origin_of`."""
        if self.origin_of is None:
            return f"{self.source}/{self.split}/{self.stems[index]}", ""
        return self.origin_of(index)

    def shared(self, other: Samples) -> int:
        """How many of these images are in `other`, samples of the same data, too."""
        # Splits may have files of the same name; the names of synthetic scenes hold the split.
        known = set(other.files or other.stems)
        return sum(image in known for image in self.files or self.stems)

    def in_channels(self, channels: int) -> Samples:
        """These pairs with images of so many channels, as a network takes them: 3 is RGB."""
        if channels == 3 or self.read_as is None:
            return self
        return replace(self, read=partial(self.read_as, channels))


def _read_at(read: Read, indices: tuple[int, ...], index: int) -> Pair:
    return read(indices[index])


def _origin_at(
    origin: Callable[[int], tuple[str, str]], indices: tuple[int, ...], index: int
) -> tuple[str, str]:
    return origin(indices[index])


def _read_as_at(
    read_as: Callable[[int, int], Pair], indices: tuple[int, ...], channels: int, index: int
) -> Pair:
    return read_as(channels, indices[index])


def require_pairs(samples: Samples, where: str) -> Samples:
    """`samples` as they are, or a `UserError` if there are none."""
    if len(samples) == 0:
        raise UserError(
            f"`split` must hold at least one image. Received: {samples.split!r}, "
            f"which is empty in {where}. Put images there or choose another split."
        )
    return samples


def spans(values: Iterable[int]) -> str:
    """`{0, 1, 2, 3, 255}` as "0..3, 255"."""
    found: list[list[int]] = []
    for value in sorted(values):
        if found and value == found[-1][1] + 1:
            found[-1][1] = value
        else:
            found.append([value, value])
    return ", ".join(f"{lo}..{hi}" if lo < hi else f"{lo}" for lo, hi in found)
