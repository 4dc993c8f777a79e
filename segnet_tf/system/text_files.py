"""Reads text, JSON and TOML that others wrote: of a bounded size, and with one kind of error."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from typing import Any

from segnet_tf.system.limits import MAX_TEXT_BYTES, limit

# A key of n parts takes tomllib n * n steps, so a line of 2 bytes a part is kept short, and a file.
_TOML_BYTES = 65536
_TOML_LINE = 4096

Pairs = list[tuple[str, Any]]


def read_text(path: str | os.PathLike[str], largest: int | None = None) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Args:
        path: of the file. One that has no size, such as a pipe, is read up to the limit.
        largest: bytes that it may have at most; `None` for `MAX_TEXT_BYTES`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger, or not UTF-8.
    """
    allowed = limit(MAX_TEXT_BYTES) if largest is None else largest
    with open(path, "rb") as file:
        content = file.read(allowed + 1)
    if len(content) > allowed:
        more = f"; {MAX_TEXT_BYTES} in the environment allows more" if largest is None else ""
        raise ValueError(f"it has more than {allowed} bytes{more}")
    return content.decode("utf-8-sig")


def parse_json(text: str | bytes, pairs: Callable[[Pairs], Any] | None = None) -> Any:
    """What a JSON text holds, NaN and Infinity too, as Python writes them.

    Args:
        text: the whole text.
        pairs: what makes an object of its keys and values; `None` makes a dict.

    Raises:
        ValueError: it is no JSON, is nested too deeply, or has a number of thousands of digits.
    """
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_toml(text: str) -> dict[str, Any]:
    """What a TOML text holds.

    Raises:
        ValueError: it is no TOML, is nested too deeply, is larger than 64 KiB or has a line of more
            than 4096 characters.
    """
    if len(text) > _TOML_BYTES:
        raise ValueError(f"it has more than {_TOML_BYTES} characters")
    if any(len(line) > _TOML_LINE for line in text.split("\n")):
        raise ValueError(f"a line has more than {_TOML_LINE} characters")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
