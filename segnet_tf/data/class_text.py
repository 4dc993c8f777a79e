"""Class files of plain lines: one form for the whole file, or the odd line is named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from segnet_tf.data.class_entries import Entry, Misread, entry, require_few

_ID = r"(?P<id>-?[0-9]+)"
# The possessive "*+" and "++", and the look behind that lets no name end in a blank: else a line of
# n blanks takes n ** 3 steps, 0.3 s for 300 of them.
_SEPARATOR = r"(?:\s*+[:;,=|]\s*+|\s*+(?:->|=>)\s*+|[.)]\s++|\s++-\s++|\s++)"
_NUMBER_SEPARATOR = r"[\s,;:|]++"
_THREE = _NUMBER_SEPARATOR.join(["[0-9]+"] * 3)
_RGB = rf"(?P<color>[(\[]?\s*+{_THREE}(?:\s*+[)\]])?)"
_HEX = r"(?P<color>#[0-9a-fA-F]+)"
_NAME = r"(?P<name>.+?(?<!\s))"


@dataclass(frozen=True)
class _Form:
    pattern: re.Pattern[str]
    example: str
    # On which sides of the name its numbers stand: a name must not have more of them there.
    sides: str


def _form(parts: Sequence[str], example: str) -> _Form:
    at = parts.index(_NAME)
    sides = "<" * (at > 0) + ">" * (at < len(parts) - 1)
    return _Form(re.compile(_SEPARATOR.join(parts)), example, sides)


# The first that fits all lines is the file's.
_FORMS = (
    _Form(  # CVAT and Datumaro: label, color, body parts, actions.
        re.compile(
            r"(?P<name>[^:]+?(?<!\s))\s*+:\s*+"
            r"(?P<color>[0-9]+\s*+,\s*+[0-9]+\s*+,\s*+[0-9]+)?\s*+:[^:]*+:[^:]*+"
        ),
        "road:128,64,128::",
        "",
    ),
    _form((_ID, _RGB, _NAME), "1 128 64 128 road"),
    _form((_RGB, _NAME), "128 64 128 road"),
    _form((_ID, _NAME, _RGB), "1 road 128 64 128"),
    _form((_ID, _HEX, _NAME), "1 #804080 road"),
    _form((_ID, _NAME, _HEX), "1 road #804080"),
    _form((_HEX, _NAME), "#804080 road"),
    _form((_NAME, _HEX), "road #804080"),
    _form((_ID, _NAME), "1 road"),
    _form((_NAME, _RGB), "road 128 64 128"),
    _form((_NAME, _ID), "road 1"),
)
_VOID = re.compile(
    rf"(?:(?P<before>-?[0-9]+){_SEPARATOR})?void(?:{_SEPARATOR}(?P<after>-?[0-9]+))?",
    re.IGNORECASE,
)
_LEADING = re.compile(rf"-?[0-9]+{_SEPARATOR}.+")
_TRAILING = re.compile(rf".+?(?<!\s){_SEPARATOR}-?[0-9]+")


def entries(lines: Sequence[tuple[int, str]], cells: bool = False) -> list[Entry]:
    """The entries of numbered lines.

    Args:
        lines: `(number, text)`.
        cells: the lines are rows of a table, so that a name has no comma.

    Raises:
        Misread: a line is not in the form of the others, or could mean two things.
    """
    lines = [(number, text.strip()) for number, text in lines]
    lines = [(number, text) for number, text in lines if text and not _is_comment(text)]
    require_few(lines)
    real = [(number, text) for number, text in lines if not _VOID.fullmatch(text)]
    form = _form_of(real, cells)
    found = []
    for number, text in lines:
        where = f"line {number} {text!r}"
        if match := _VOID.fullmatch(text):
            found.append(entry(where, "void", match["before"] or match["after"]))
            continue
        groups = {"name": text}
        if form is not None:
            match = form.pattern.fullmatch(text)
            assert match is not None  # `_form_of` has looked at each line
            groups = match.groupdict()
        found.append(entry(where, groups["name"], groups.get("id"), groups.get("color")))
    return found


def _is_comment(text: str) -> bool:
    return text.startswith("#") and not re.match(r"#(?:[0-9a-fA-F]{3}){1,2}\s+\S", text)


def _form_of(lines: list[tuple[int, str]], cells: bool) -> _Form | None:
    """The form that all lines have; None where each is a name."""
    fits = {form: [bool(form.pattern.fullmatch(text)) for _, text in lines] for form in _FORMS}
    for form, hits in fits.items():
        if lines and all(hits):
            return form if _names_are_clear(form, lines) else None
    # The form that most lines have; what is not in it is the line to name.
    best, hits = max(fits.items(), key=lambda item: sum(item[1]), default=(None, []))
    # Half of the lines are enough for a color; a single number is as well a part of a name.
    enough = len(lines) / 2 + (best is not None and "color" not in best.pattern.groupindex) / 2
    if best is not None and not all(hits) and sum(hits) >= enough > 0:
        number, text = lines[hits.index(False)]
        raise Misread(
            f"line {number} {text!r}", "the other lines have another form", f'"{best.example}"'
        )
    for number, text in lines:
        _require_plain(f"line {number} {text!r}", text, cells)
    return None


def _names_are_clear(form: _Form, lines: list[tuple[int, str]]) -> bool:
    """Whether the numbers are no part of the names; `Misread` where they may be."""
    matches = [form.pattern.fullmatch(text) for _, text in lines]
    names = [match["name"] for match in matches if match is not None]
    where = f"line {lines[0][0]} {lines[0][1]!r}"
    for side, pattern in (("<", _LEADING), (">", _TRAILING)):
        if side in form.sides and all(pattern.fullmatch(name) for name in names):
            raise Misread(where, "it has a number too many or too few", f'"{form.example}"')
    if len(set(names)) == len(names) or "id" not in form.pattern.groupindex:
        return True
    if form.sides == ">":  # "lane 1" and "lane 2": names that end in a number.
        return False
    again = next(i for i, name in enumerate(names) if name in names[:i])
    number, text = lines[again]
    raise Misread(
        f"line {number} {text!r}",
        f"{names[again]!r} comes twice, so that its number may be a part of the name",
        '"1 2 wheeler", an id in every line, or a name in quotes',
    )


def _require_plain(where: str, text: str, cells: bool) -> None:
    if text[0] == text[-1] and text[0] in "\"'":
        return
    if cells and "," in text:
        raise Misread(where, "there is no header and no number", '"name,id" in the first line')
    if _LEADING.fullmatch(text) or _TRAILING.fullmatch(text):
        raise Misread(
            where,
            "its number may be an id or a part of the name",
            f'"1 {text}", an id in every line, or the name in quotes',
        )
