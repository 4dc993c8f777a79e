"""Checks what came out of a JSON file against the types that the code declares."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from segnet_tf.errors import UserError

_NAMES = {
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}


def require_types(content: Mapping[str, Any], hints: Mapping[str, Any], where: object) -> None:
    """Raises UserError unless each entry that is known has its type.

    Args:
        content: of a JSON object; entries without a hint are not looked at.
        hints: name -> type, as `typing.get_type_hints` gives them for a class.
        where: the file, for messages.
    """
    for name, value in content.items():
        if name not in hints:
            continue
        wrong = _wrong(value, hints[name], name)
        if wrong is not None:
            place, wanted, found = wrong
            raise UserError(
                f"`{place}` in {where} must be {wanted}. Received: {found!r:.100}. "
                "Take the file as it was written."
            )


def _wrong(value: Any, hint: Any, place: str) -> tuple[str, str, Any] | None:
    """Where a value is not of its type, what it must be there and what it is; or None."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return None
    if origin is typing.NotRequired:
        return _wrong(value, parts[0], place)
    if origin in (typing.Union, types.UnionType):
        # Of "numbers or null" the place in the numbers is what to name.
        found = [_wrong(value, part, place) for part in parts if part is not type(None)]
        return (
            None if value is None and type(None) in parts else None if None in found else found[0]
        )
    if typing.is_typeddict(hint):
        return _in_table(value, typing.get_type_hints(hint), hint.__required_keys__, place)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return _in_table(value, hints, hints, place)
    if origin is dict:
        if not isinstance(value, dict):
            return place, "a table", value
        return _first(_wrong(item, parts[1], f"{place}.{key}") for key, item in value.items())
    if origin in (list, tuple):
        return _in_list(value, parts, origin is list or parts[-1] is Ellipsis, place)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        # An int may be beyond any float.
        return None if abs(value) < 1e300 and math.isfinite(value) else (place, _NAMES[hint], value)
    return None if type(value) is hint else (place, _NAMES[hint], value)


def _in_table(value: Any, hints: dict[str, Any], required: Any, place: str) -> Any:
    if not isinstance(value, dict):
        return place, "a table", value
    missing = [name for name in hints if name in required and name not in value]
    if missing:
        return f"{place}.{missing[0]}", "there", None
    return _first(_wrong(value[n], hint, f"{place}.{n}") for n, hint in hints.items() if n in value)


def _in_list(value: Any, parts: tuple[Any, ...], any_length: bool, place: str) -> Any:
    if not isinstance(value, list | tuple) or not (any_length or len(value) == len(parts)):
        return place, "a list" if any_length else f"a list of {len(parts)}", value
    return _first(
        _wrong(item, parts[0] if any_length else parts[number], f"{place}.{number}")
        for number, item in enumerate(value)
    )


def _first(found: Any) -> Any:
    return next((wrong for wrong in found if wrong is not None), None)
