"""The layouts of folders that are read, as a table, and which of them a folder has."""

from __future__ import annotations

from pathlib import Path

from segnet_tf.data.layouts import (
    ade20k,
    beside,
    camvid_original,
    camvid_segnet,
    cityscapes,
    flat,
    folder,
    siblings,
    voc,
)
from segnet_tf.data.layouts.base import Found, Layout, folders
from segnet_tf.errors import UserError

__all__ = ["LAYOUTS", "Found", "Layout", "find_layout"]

LAYOUTS = tuple(
    module.LAYOUT
    for module in (
        *(folder, flat, beside, siblings, voc),
        *(camvid_segnet, camvid_original, cityscapes, ade20k),
    )
)


def find_layout(directory: Path, name: str | None = None) -> Layout:
    """The layout of a folder.

    Args:
        name: the one to take; None finds out.

    Raises:
        UserError: no such layout, none fits, or two fit.
    """
    if name is not None:
        named = {layout.name: layout for layout in LAYOUTS}
        if name not in named:
            raise UserError(
                f"`layout` must be one of {', '.join(named)}. Received: {name!r}. Choose one of "
                "these, or leave it out."
            )
        return named[name]
    fitting = [layout for layout in LAYOUTS if layout.detect(directory)]
    less = {name for layout in fitting for name in layout.special_of}
    fitting = [layout for layout in fitting if layout.name not in less]
    if len(fitting) > 1:
        both = " and ".join(f"{layout.name!r} ({layout.tree})" for layout in fitting[:2])
        raise UserError(
            f"`data` must have one layout. Received: {directory}, which fits {both}. "
            f"Say which by layout={fitting[0].name!r} (--layout {fitting[0].name}), or move the "
            "folders of the other one away."
        )
    if not fitting:
        raise UserError(_no_layout(directory))
    return fitting[0]


def _no_layout(directory: Path) -> str:
    names = sorted(path.name for path in directory.iterdir() if not path.name.startswith("."))
    inside = folders(directory)
    shown = [f"{path.name}/" for path in inside][:6]
    files = len(names) - len(inside)
    shown += [f"{files} file{'s' * (files != 1)}"] * (files > 0)
    scores = {layout: len(layout.marks & {name.lower() for name in names}) for layout in LAYOUTS}
    nearest = max(LAYOUTS, key=scores.__getitem__)
    below = next((path for path in inside for row in LAYOUTS if row.detect(path)), None)
    if below is not None:
        way_out = f"Its folder {below.name} has one: pass {below}."
    elif scores[nearest]:
        way_out = f"The nearest layout is {nearest.name!r}: {nearest.tree}. Arrange it so."
    else:
        way_out = "Arrange it in one of them: " + "; ".join(row.tree for row in LAYOUTS) + "."
    return (
        "`data` must be a folder in a known layout. "
        f"Received: {directory} with {', '.join(shown) or 'nothing in it'}. {way_out}"
    )
