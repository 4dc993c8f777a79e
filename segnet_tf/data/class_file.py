"""The class file of a folder of masks: class names, and their ids or colors in the masks.

Read are the forms that tools write and people type, ids counted from 0 in the order of the
file unless they are given:

- text, one class a line, all lines in one form: "NAME", "ID NAME", "RED GREEN BLUE NAME",
  "#RRGGBB NAME", the same with the numbers behind the name, with commas, colons or tabs, or
  CVAT's "NAME:RED,GREEN,BLUE:PARTS:ACTIONS". A name may be in quotes;
- CSV, a header and one row a class: `name` (or `label`, `class`), and any of `id` (`value`,
  `index`), `r`, `g`, `b` (`red`, `green`, `blue`) and `color` (`hex`, `rgb`);
- JSON: a list of names or of `{"name", "id", "color"}`, `{"classes": [...]}` around that list,
  or a map `{"0": "road"}`, `{"road": 0}` or `{"road": [128, 64, 128]}`.

What is not understood is refused with its line, column or entry. Only columns and keys for
`description`, `comment`, `note`, `supercategory` and `isthing` are skipped.

An entry named "void" (any case) is not a class: pixels with its id or color are ignored in
training and scores. Its id may be negative. Id 255 is void too, unless a class has it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from segnet_tf.data import class_tables, class_text
from segnet_tf.data.class_entries import Entry, Misread
from segnet_tf.data.classes import VOID, Classes, Color, default_colors
from segnet_tf.errors import UserError
from segnet_tf.system.text_files import read_text

# Our own, and what Kaggle, CVAT, CamVid, fast.ai and Roboflow call theirs.
NAMES = (
    *("classes.json", "classes.csv", "classes.txt", "class_dict.csv", "labelmap.txt"),
    *("label_colors.txt", "labels.txt", "codes.txt", "_classes.csv"),
)
_LARGEST = 2**20  # bytes; 255 classes take a few thousand
_LONGEST_LINE = 300


@dataclass(frozen=True)
class ClassFile:
    """What a class file says.

    Attributes:
        classes: names and colors; `default_colors` if the file has none.
        by_id: stored id -> class id or `VOID`.
        by_color: stored color -> class id or `VOID`; empty if the file has no colors.
        has_ids: whether the file gives the ids, so that they are no guess.
        has_void: whether the file names void.
        void_ids: the ids that the file gives to void.
        path: the file, for messages.
    """

    classes: Classes
    by_id: dict[int, int]
    by_color: dict[Color, int] = field(default_factory=dict)
    has_ids: bool = True
    has_void: bool = True
    void_ids: tuple[int, ...] = ()
    path: Path | None = None


def find(directory: Path, *others: Path) -> Path:
    """The class file in `directory`, else in one of `others`.

    Raises:
        UserError: there is none, and the message says what to write; or two contradict.
    """
    for place in (directory, *others):
        found = [place / name for name in NAMES if (place / name).is_file()]
        if found:
            _require_agreement(found)
            return found[0]
    raise UserError(
        f"a folder of masks must have a class file, {', '.join(NAMES[:2])} or {NAMES[2]}. "
        f"Received: none in {directory}. Write classes.txt with one class name a line."
    )


def _require_agreement(paths: list[Path]) -> None:
    first = load(paths[0])
    for path in paths[1:]:
        other = load(path)
        if (first.classes.names, first.by_id, first.by_color) != (
            other.classes.names, other.by_id, other.by_color,
        ):  # fmt: skip
            raise UserError(
                "a folder must have one class file, or several that say the same. "
                f"Received: {paths[0]} and {path.name}, which differ. Remove one of them."
            )


def load(path: str | Path) -> ClassFile:
    """Reads a class file.

    Raises:
        UserError: the file is not in its form, or an id or a color is in it twice. The message
            names the file, and the line or entry that is not understood.
    """
    path = Path(path)
    parse = {".txt": _from_text, ".csv": class_tables.from_csv, ".json": class_tables.from_json}
    try:
        text = read_text(path, _LARGEST)
        if path.suffix != ".json":
            _require_short_lines(text)
        return _number(parse[path.suffix](text), path)
    except Misread as error:
        raise UserError(
            "a class file must name a class in each entry, all in one form. "
            f"Received: {error.where} of {path} ({error.reason}). Write for example "
            f"{error.example}."
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, UserError):
            raise
        reason = " ".join(str(error).split())
        raise UserError(
            f"a class file must name a class in each entry. Received: {path} ({reason}). "
            'Write one name a line in classes.txt, or [{"name": ..., "id": ...}] in classes.json.'
        ) from error


def _require_short_lines(text: str) -> None:
    """Raises ValueError for a line so long that the forms of lines take seconds to fit it."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > _LONGEST_LINE:
            raise ValueError(f"line {number} has more than {_LONGEST_LINE} characters")


def _from_text(text: str) -> list[Entry]:
    lines = text.splitlines()
    if lines and class_tables.is_header(lines[0]):
        return class_tables.from_csv(text)
    return class_text.entries(list(enumerate(lines, 1)))


def _number(entries: list[Entry], path: Path) -> ClassFile:
    real = [entry for entry in entries if not entry.is_void]
    with_color = [entry for entry in real if entry.color is not None]
    if with_color and len(with_color) != len(real):
        raise UserError(
            "a class file must give all classes a color, or none. "
            f"Received: {len(with_color)} colors for {len(real)} classes in {path}. "
            "Add the missing ones."
        )
    with_id = [entry for entry in real if entry.id is not None]
    if with_id and len(with_id) != len(real):
        odd = next(entry for entry in real if entry.id is None)
        raise Misread(odd.where, "the other classes have an id", '{"name": "road", "id": 1}')
    try:
        classes = Classes(
            tuple(entry.name for entry in real),
            tuple(entry.color for entry in real if entry.color) or default_colors(len(real)),
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    by_id: dict[int, int] = {}
    by_color: dict[Color, int] = {}
    position = 0
    for entry in entries:
        label = VOID if entry.is_void else classes.names.index(entry.name)
        stored = entry.id
        if stored is None and not with_id:
            stored, position = position, position + 1
        for table, key in ((by_id, stored), (by_color, entry.color)):
            if key is None:
                continue
            if key in table:
                raise UserError(
                    "a class file must give each id and each color once. "
                    f"Received: {key} again for {entry.name!r} in {path}. Change one of them."
                )
            table[key] = label  # type: ignore[index]
    named_void = tuple(id for id, label in by_id.items() if label == VOID)
    by_id.setdefault(VOID, VOID)
    return ClassFile(
        classes,
        by_id,
        by_color if with_color else {},
        has_ids=bool(with_id),
        has_void=any(entry.is_void for entry in entries),
        void_ids=named_void,
        path=path,
    )
