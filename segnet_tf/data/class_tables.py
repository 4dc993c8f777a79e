"""Class files in CSV and JSON: columns and keys by name, and none of them ignored."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence

from segnet_tf.data import class_text
from segnet_tf.data.class_entries import (
    KEYS,
    Entry,
    Misread,
    entry,
    is_color,
    is_integer,
    require_few,
    role,
)
from segnet_tf.system.text_files import parse_json

_KNOWN = ", ".join(keys[0] for use, keys in KEYS.items() if use != "harmless")
_LIST_KEYS = ("classes", "categories", "labels", "names", "id2label", "label2id")
_OTHER_KEYS = ("info", "description", "version", "comment")


def is_header(line: str) -> bool:
    """Whether a line names the columns of a table, a name's among them."""
    cells = next(csv.reader([line], delimiter=_delimiter(line), skipinitialspace=True), [])
    return len(cells) > 1 and "name" in map(role, cells) and all(map(role, cells))


def from_csv(text: str) -> list[Entry]:
    """The entries of a table; without a header its rows are read as lines of text.

    Raises:
        Misread: a column, a row or a cell is not understood.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        return []
    require_few(lines)
    delimiter = _delimiter(lines[0][1])
    rows = [
        (number, [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True,
                                                           skipinitialspace=True))])
        for number, line in lines
    ]  # fmt: skip
    header = rows[0][1]
    roles = [role(cell) for cell in header]
    if not any(roles):
        return class_text.entries(lines, cells=True)
    columns = _columns(header, roles, [row for _, row in rows[1:]])
    found = []
    for (number, row), (_, line) in zip(rows[1:], lines[1:], strict=True):
        where = f"line {number} {line.strip()!r}"
        if len(row) != len(header):
            count = f"{len(row)} cell{'s' * (len(row) != 1)}"
            raise Misread(where, f"{count} under {len(header)} columns", "a cell for each column")
        cells = {use: row[at] for use, at in columns.items()}
        if any(not cells[use] for use in cells if use != "harmless"):
            raise Misread(where, "a cell is empty", "a value in each cell")
        color = cells.get("color")
        found.append(entry(where, cells["name"], cells.get("id"), color or _rgb(cells)))
    return found


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _rgb(cells: Mapping[str, object]) -> list[object] | None:
    return [cells[part] for part in "rgb"] if "r" in cells else None


def _columns(
    header: Sequence[str], roles: list[str | None], rows: Sequence[Sequence[str]]
) -> dict[str, int]:
    """Use -> index of its column."""
    names = [at for at, use in enumerate(roles) if use == "name"]
    if len(names) == 2 and "id" not in roles:
        # "label,name": one of them may hold the ids.
        numeric = [at for at in names if all(is_integer(row[at]) for row in rows if at < len(row))]
        if len(numeric) == 1:
            roles[numeric[0]] = "id"
    columns: dict[str, int] = {}
    for at, (title, use) in enumerate(zip(header, roles, strict=True)):
        where = f"column {at + 1} {title!r}"
        if use is None:
            raise Misread(where, f"known columns are {_KNOWN}", '"name,id,color" in the first line')
        if use in columns and use != "harmless":
            raise Misread(where, "another column is read as the same", "one of the two")
        columns[use] = at
    missing = [part for part in "rgb" if part not in columns]
    if "name" not in columns:
        raise Misread("the header", f"no column 'name', only {', '.join(header)}", '"name,id"')
    if 0 < len(missing) < 3:
        raise Misread("the header", f"no column {missing[0]!r}", '"name,r,g,b"')
    if not missing and "color" in columns:
        raise Misread("the header", "r, g, b and a color", '"name,r,g,b" or "name,color"')
    at = columns["name"]
    if rows and all(is_integer(row[at]) for row in rows if at < len(row)):
        raise Misread(f"line 2 {rows[0][at]!r}", "a number where the name stands", '"name,id"')
    return columns


def from_json(text: str) -> list[Entry]:
    """The entries of a list, or of a map from id to name or from name to id or color.

    Raises:
        Misread: an entry or a key is not understood.
        ValueError: the text is no JSON.
    """
    content = parse_json(text, _unique)
    if isinstance(content, dict):
        lists = [key for key in _LIST_KEYS if isinstance(content.get(key), list | dict)]
        if lists:
            others = [key for key in content if key != lists[0] and key not in _OTHER_KEYS]
            if others:
                raise Misread(f"key {others[0]!r}", "only the classes belong here", '"classes"')
            content = content[lists[0]]
    if not isinstance(content, list | dict):
        raise ValueError("the classes are neither a list nor a map")
    require_few(content)
    if isinstance(content, dict):
        return _from_map(content)
    found = []
    for number, item in enumerate(content, 1):
        where = f"entry {number} {item!r}"
        if not isinstance(item, str | dict):
            raise Misread(where, "neither a name nor a class", '{"name": "road", "id": 1}')
        found.append(_item(where, {"name": item} if isinstance(item, str) else item))
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise Misread(f"key {key!r} twice", "the second would replace the first", "each once")
        found[key] = value
    return found


def _from_map(content: dict[str, object]) -> list[Entry]:
    found = []
    by_id = is_integer(next(iter(content), ""))
    for number, (key, value) in enumerate(content.items(), 1):
        where = f"entry {number} {json.dumps({key: value})}"
        if is_integer(key) != by_id:
            raise Misread(where, "ids and names are mixed in the keys", '{"0": "road"}')
        known = "id" if by_id else "name"
        if isinstance(value, dict):
            if any(role(inner) == known for inner in value):
                raise Misread(where, f"it gives the {known} twice", '{"road": {"id": 1}}')
            found.append(_item(where, {known: key, **value}))
        elif by_id:
            found.append(entry(where, value, key))
        elif is_color(value):
            found.append(entry(where, key, color=value))
        else:
            found.append(entry(where, key, value))
    return found


def _item(where: str, item: dict[str, object]) -> Entry:
    cells: dict[str, object] = {}
    for key, value in item.items():
        use = role(key)
        if use is None or (use in cells and use != "harmless"):
            raise Misread(where, f"key {key!r} is unknown or double", f"one each of {_KNOWN}")
        cells[use] = value
    parts = [part for part in "rgb" if part in cells]
    if len(parts) not in (0, 3) or (parts and "color" in cells):
        raise Misread(where, "half a color, or two", '"color": [128, 64, 128]')
    color = cells.get("color")
    return entry(where, cells.get("name"), cells.get("id"), color if not parts else _rgb(cells))
