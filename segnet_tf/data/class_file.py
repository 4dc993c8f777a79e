"""The class file of a folder of masks: names, and how the masks store them.

Three forms, with ids from 0 in the order of the file unless they are given:

- `classes.txt`: a class a line, "NAME", "ID NAME" or "RED GREEN BLUE NAME";
- `classes.csv`: a header with `name` and any of `id`, `r`, `g`, `b`, then a row a class;
- `classes.json`: a list of names or of `{"name", "id", "color"}` (also "colour"), or
  `{"classes": [...]}` around that list.

A class named "void" (any case) is no class: its id and color are ignored in training and
scores. Id 255 is void as well unless a class has it.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segnet_tf.data.classes import VOID, Classes, Color, default_colors
from segnet_tf.errors import UserError

NAMES = ("classes.json", "classes.csv", "classes.txt")


@dataclass(frozen=True)
class ClassFile:
    """What a class file says.

    Attributes:
        classes: names, with colors made up where the file has none.
        by_id: stored id -> class id or `VOID`.
        by_color: stored color -> class id or `VOID`; empty if the file has no colors.
    """

    classes: Classes
    by_id: dict[int, int]
    by_color: dict[Color, int]


@dataclass(frozen=True)
class _Entry:
    name: str
    id: int | None = None
    color: Color | None = None


def find(directory: Path) -> Path:
    """The class file of `directory`, or a `UserError` that says what to write."""
    for name in NAMES:
        if (directory / name).is_file():
            return directory / name
    raise UserError(
        f"a folder of masks must have a class file, {', '.join(NAMES[:-1])} or {NAMES[-1]}. "
        f"Received: none in {directory}. Write classes.txt with one class name a line."
    )


def load(path: str | Path) -> ClassFile:
    """Reads a class file.

    Raises:
        UserError: the file is not in its form, or ids or colors come twice; it is named.
    """
    path = Path(path)
    parse = {".txt": _from_text, ".csv": _from_csv, ".json": _from_json}[path.suffix]
    try:
        entries = parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"a class file must name a class in each entry. Received: {path} ({reason}). "
            'Write one name a line in classes.txt, or [{"name": ..., "id": ...}] in classes.json.'
        ) from error
    return _number(entries, path)


def _number(entries: list[_Entry], path: Path) -> ClassFile:
    real = [entry for entry in entries if entry.name.lower() != "void"]
    with_color = [entry for entry in real if entry.color is not None]
    if with_color and len(with_color) != len(real):
        raise UserError(
            "a class file must give all classes a color, or none. "
            f"Received: {len(with_color)} colors for {len(real)} classes in {path}. "
            "Add the missing ones."
        )
    try:
        classes = Classes(
            tuple(entry.name for entry in real),
            tuple(entry.color for entry in real if entry.color) or default_colors(len(real)),
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    by_id: dict[int, int] = {}
    by_color: dict[Color, int] = {}
    for position, entry in enumerate(entries):
        label = VOID if entry.name.lower() == "void" else classes.names.index(entry.name)
        stored = position if entry.id is None else entry.id
        for table, key in ((by_id, stored), (by_color, entry.color)):
            if key is None:
                continue
            if key in table:
                raise UserError(
                    "a class file must give each id and each color once. "
                    f"Received: {key} again for {entry.name!r} in {path}. Change one of them."
                )
            table[key] = label  # type: ignore[index]
    by_id.setdefault(VOID, VOID)
    return ClassFile(classes, by_id, by_color if with_color else {})


def _entry(name: Any, id: Any = None, color: Any = None) -> _Entry:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name {name!r} is not a text")
    if id is not None:
        id = int(id)
        if not 0 <= id <= 65535:
            raise ValueError(f"id {id} of {name!r} is not in 0..65535")
    if color is not None:
        if isinstance(color, str):
            color = bytes.fromhex(color.removeprefix("#"))
        red, green, blue = (int(part) for part in color)
        if not all(0 <= part <= 255 for part in (red, green, blue)):
            raise ValueError(f"color of {name!r} is not in 0..255")
        color = (red, green, blue)
    return _Entry(name.strip(), id, color)


def _from_text(text: str) -> list[_Entry]:
    entries = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        numbers = 0
        while numbers < min(3, len(words) - 1) and words[numbers].isdigit():
            numbers += 1
        if numbers == 3:
            entries.append(_entry(" ".join(words[3:]), color=words[:3]))
        elif numbers == 1:
            entries.append(_entry(" ".join(words[1:]), id=words[0]))
        else:
            entries.append(_entry(" ".join(words)))
    return entries


def _from_csv(text: str) -> list[_Entry]:
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
    fields = [field.strip().lower() for field in rows.fieldnames or ()]
    if "name" not in fields:
        raise ValueError(f"the header has no column 'name', only {', '.join(fields) or 'none'}")
    rows.fieldnames = fields
    entries = []
    for row in rows:
        color = [row.get(part) for part in "rgb"]
        entries.append(_entry(row["name"], row.get("id") or None, color if all(color) else None))
    return entries


def _from_json(text: str) -> list[_Entry]:
    content = json.loads(text)
    if isinstance(content, dict):
        content = content["classes"]
    if not isinstance(content, list):
        raise ValueError("the classes are not a list")
    entries = []
    for item in content:
        if isinstance(item, str):
            item = {"name": item}
        entries.append(_entry(item["name"], item.get("id"), item.get("color", item.get("colour"))))
    return entries
