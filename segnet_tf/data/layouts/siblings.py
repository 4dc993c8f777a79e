"""Kaggle's way: `DIR/train` with `DIR/train_labels`, and `class_dict.csv` beside them."""

from __future__ import annotations

from pathlib import Path

from segnet_tf.data.layouts.base import Found, Layout, folders, legend_of, pairs_of
from segnet_tf.errors import UserError

_ENDINGS = (
    *("_labels", "_masks", "_label", "_mask", "_annotations", "_annotation", "_annot"),
    *("_gt", "_seg", "-labels", "-masks"),
)


def _splits(directory: Path) -> dict[str, Path]:
    """Split -> its folder of masks."""
    names = {path.name.lower(): path for path in folders(directory)}
    found: dict[str, Path] = {}
    for name, path in names.items():
        masks = [names[name + ending] for ending in _ENDINGS if name + ending in names]
        if len(masks) > 1:
            raise UserError(
                "a folder of images must have one folder of masks beside it. "
                f"Received: {' and '.join(mask.name for mask in masks)} for {path}. "
                "Move one of them away."
            )
        if masks:
            found[path.name] = masks[0]
    return found


def _open(directory: Path) -> Found:
    listings = {
        name: pairs_of(directory / name, masks) for name, masks in _splits(directory).items()
    }
    return Found(listings, legend_of(directory, *folders(directory)))


LAYOUT = Layout(
    name="kaggle",
    tree="train/ with train_labels/ (or train_masks/)",
    marks=frozenset({"train_labels", "train_masks", "val_labels", "class_dict.csv"}),
    detect=lambda directory: bool(_splits(directory)),
    open=_open,
)
