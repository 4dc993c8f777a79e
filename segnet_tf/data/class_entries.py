"""One entry of a class file: name, id and color, each checked as it is read."""

from __future__ import annotations

import re
from collections.abc import Sized
from dataclasses import dataclass

from segnet_tf.data.classes import Color

# What tables and JSON call them; case, blanks and "_" in a column's name do not count.
KEYS = {
    "name": ("name", "names", "label", "labelname", "class", "classname", "category"),
    "id": (
        *("id", "ids", "index", "idx", "value", "pixelvalue", "classid", "labelid"),
        *("classindex", "labelindex", "gray", "grey", "grayscale", "greyscale"),
    ),
    "r": ("r", "red"),
    "g": ("g", "green"),
    "b": ("b", "blue"),
    "color": ("color", "colour", "rgb", "hex", "hexcolor", "colorrgb", "rgbcolor"),
    # Known to mean nothing for masks, so that leaving them out loses nothing.
    "harmless": ("description", "comment", "comments", "note", "notes", "supercategory", "isthing"),
}
_ROLES = {key: role for role, keys in KEYS.items() for key in keys}
_COLOR = re.compile(
    r"(?:rgb)?[(\[]?\s*([0-9]+)[\s,;:|]+([0-9]+)[\s,;:|]+([0-9]+)\s*[)\]]?", re.IGNORECASE
)
_HEX = re.compile(r"#?([0-9a-fA-F]{6})|#([0-9a-fA-F]{3})")
LARGEST_ID = 65535
# There are 255 classes at most; void may have any number of ids.
_MOST_ENTRIES = 1024


class Misread(Exception):
    """A place in a class file that is not understood.

    Args:
        where: the place, e.g. "line 3 'zone 51'".
        reason: what is wrong with it.
        example: how to write it.
    """

    def __init__(self, where: str, reason: str, example: str) -> None:
        super().__init__(where, reason, example)
        self.where, self.reason, self.example = where, reason, example


@dataclass(frozen=True)
class Entry:
    """A class, or void, as the file gives it.

    Attributes:
        where: its place in the file, for messages.
        id: the value in the masks; None if the file gives none.
        color: None if the file gives none.
    """

    where: str
    name: str
    id: int | None = None
    color: Color | None = None

    @property
    def is_void(self) -> bool:
        """Whether this is no class but what is not trained or scored."""
        return self.name.lower() == "void"


def require_few(entries: Sized) -> None:
    """Raises ValueError for so many entries that comparing them would take minutes."""
    if len(entries) > _MOST_ENTRIES:
        raise ValueError(f"{len(entries)} entries, more than {_MOST_ENTRIES}")


def role(key: str) -> str | None:
    """What a column or a key of that name holds, a key of `KEYS`; None for an unknown one."""
    return _ROLES.get(re.sub(r"[\s_\-]", "", key.strip().lower()))


def entry(where: str, name: object, id: object = None, color: object = None) -> Entry:
    """An `Entry` from what a file holds, texts or numbers.

    Raises:
        Misread: one of them is no name, id or color.
    """
    if not isinstance(name, str) or not name.strip():
        raise Misread(where, f"the name {name!r} is not a text", '"road"')
    name = name.strip()
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    found = Entry(
        where,
        name,
        None if id is None else _integer(where, id),
        None if color is None else _color(where, color),
    )
    # Files for other programs call void -1, which signed masks can hold; a class never is.
    lowest = -(LARGEST_ID + 1) if found.is_void else 0
    if found.id is not None and not lowest <= found.id <= LARGEST_ID:
        raise Misread(where, f"id {found.id} of {name!r} is not in 0..{LARGEST_ID}", '"1 road"')
    return found


def is_integer(value: object) -> bool:
    """Whether a number or a text is a whole number."""
    if isinstance(value, str):
        return re.fullmatch(r"\s*-?[0-9]+\s*", value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


def is_color(value: object) -> bool:
    """Whether a text or a list is meant for a color, be it right or wrong."""
    if isinstance(value, str):
        return value.startswith("#") or _COLOR.fullmatch(value.strip()) is not None
    return isinstance(value, list)


def _integer(where: str, value: object) -> int:
    if not is_integer(value):
        raise Misread(where, f"the id {value!r} is not a whole number", '"1 road"')
    return int(value)  # type: ignore[call-overload]


def _color(where: str, value: object) -> Color:
    example = '"128 64 128 road" or "#804080 road"'
    parts: list[object] = []
    if isinstance(value, str):
        if match := _HEX.fullmatch(value.strip()):
            digits = match[1] or "".join(2 * digit for digit in match[2])
            parts = list(bytes.fromhex(digits))
        elif match := _COLOR.fullmatch(value.strip()):
            parts = list(match.groups())
    elif isinstance(value, list | tuple):
        parts = list(value)
    if len(parts) != 3 or not all(is_integer(part) for part in parts):
        raise Misread(where, f"the color {value!r} is not red, green and blue", example)
    red, green, blue = (int(part) for part in parts)  # type: ignore[call-overload]
    if not all(0 <= part <= 255 for part in (red, green, blue)):
        raise Misread(where, f"the color {(red, green, blue)} is not in 0..255", example)
    return red, green, blue
