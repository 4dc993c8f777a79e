"""Data sets by name or folder. `open_samples` finds out which layout a folder has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segnet_tf.data.camvid import SPLITS
from segnet_tf.data.classes import VOID, Classes, colorize
from segnet_tf.data.dataset import FolderData
from segnet_tf.data.samples import Samples
from segnet_tf.data.scenes import synthetic
from segnet_tf.data.shards.places import is_sharded
from segnet_tf.data.splits import role
from segnet_tf.errors import UserError

__all__ = [
    "VOID",
    "Classes",
    "FolderData",
    "Samples",
    "Source",
    "colorize",
    "open_folder",
    "open_samples",
    "open_source",
]


class Source(Protocol):
    """A data set with its splits."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Their names."""
        ...

    def samples(self, split: str) -> Samples:
        """The pairs of one split, see `open_samples`."""
        ...


def open_samples(
    data: str | Path,
    split: str,
    *,
    size: tuple[int, int] | None = None,
    limit: int | None = None,
    layout: str | None = None,
    val_share: float | None = None,
    split_seed: int = 0,
    image_range: int | None = None,
) -> Samples:
    """Opens one split of a data set.

    Args:
        data: "synthetic", "synthetic:COUNT" (COUNT training scenes, a quarter as many
            for val and for test), a folder in one of the layouts of `layouts.LAYOUTS`, or one that
            `segnet-tf shard` wrote, on a disk or as "gs://bucket/folder".
        split: "train", "val" or "test"; a folder may have others. A split that the folder calls
            "training", "valid" or "validation" is found by any of its names and keeps its own.
            "SPLIT/PREFIX" has the images of a folder's SPLIT whose file name begins with PREFIX:
            "train/0006R0" is one drive of CamVid.
        size: `(height, width)` of synthetic scenes in pixels; files keep their own size.
        limit: how many pairs to use at most, the first ones.
        layout: the name of the folder's layout; None finds out.
        val_share: the share of train to take for val where the folder has none, above 0 and
            below 1. A folder without splits gets a val of 0.2 if this is None.
        split_seed: which images become val. A pure function of names and seed: train and val
            never overlap, and a new file moves no other one.
        image_range: the value that is white in images of more than 8 bits, e.g. 4095.

    Raises:
        UserError: no such data, layout or split, an empty split, a missing pair, or masks or
            images that can be read in two ways.
    """
    samples = open_source(
        data,
        size=size,
        layout=layout,
        val_share=val_share,
        split_seed=split_seed,
        image_range=image_range,
    ).samples(split)
    return samples if limit is None else samples.subset(limit)


def open_source(
    data: str | Path,
    *,
    size: tuple[int, int] | None = None,
    layout: str | None = None,
    val_share: float | None = None,
    split_seed: int = 0,
    image_range: int | None = None,
) -> Source:
    """A data set, all of its splits; the arguments are those of `open_samples`.

    Its files are listed once, however many splits are opened.

    Raises:
        UserError: no such data or layout.
    """
    name = str(data)
    if name == "synthetic" or name.startswith("synthetic:"):
        return _Synthetic(name, size)
    if not is_sharded(data):
        return open_folder(
            data,
            layout=layout,
            val_share=val_share,
            split_seed=split_seed,
            image_range=image_range,
        )
    from segnet_tf.data.shards.reader import ShardedData  # TensorFlow: seconds

    reading = {
        "layout": layout,
        "val_share": val_share,
        "split_seed": split_seed,
        "image_range": image_range,
    }
    return ShardedData(data, reading)


@dataclass(frozen=True)
class _Synthetic:
    """Synthetic scenes, see `open_samples`."""

    name: str
    size: tuple[int, int] | None
    splits: tuple[str, ...] = tuple(SPLITS)

    def samples(self, split: str) -> Samples:
        """The scenes of a split, by any of its names."""
        return _synthetic(self.name, role(split) or split, self.size)


def _synthetic(name: str, split: str, size: tuple[int, int] | None) -> Samples:
    if "/" in split:
        raise UserError(
            "`split` must be a name alone, with no slash, for synthetic scenes: they have no file "
            f"names. Received: {split!r}. Write {split.partition('/')[0]}."
        )
    count = None
    if ":" in name:
        text = name.split(":", 1)[1]
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise UserError(
                '`data` must be "synthetic" or "synthetic:COUNT" with COUNT of at least 1. '
                f"Received: {name!r}. Write for example synthetic:400."
            )
        count = int(text) if split == "train" else max(1, int(text) // 4)
    return synthetic.samples(split, size=size or synthetic.SIZE, count=count)


def open_folder(
    data: str | Path,
    *,
    layout: str | None = None,
    val_share: float | None = None,
    split_seed: int = 0,
    image_range: int | None = None,
) -> FolderData:
    """A folder as a data set, all of its splits; the arguments are those of `open_samples`.

    Raises:
        UserError: there is no such folder, or no layout fits, or several.
    """
    if not Path(data).is_dir():
        raise UserError(
            '`data` must be "synthetic" or an existing folder. '
            f"Received: {str(data)!r}. Correct the path."
        )
    return FolderData(
        Path(data),
        layout=layout,
        val_share=val_share,
        split_seed=split_seed,
        image_range=image_range,
    )
