"""Reads and writes JSON files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.text_files import parse_json, read_text


def read_json(path: str | Path) -> dict[str, Any]:
    """Reads the JSON object of a file; UserError if the file is missing or holds anything else."""
    try:
        content = parse_json(read_text(path))
    except OSError as error:
        raise UserError(f"`{path}` must be a readable JSON file. Received: {error}.") from error
    except ValueError as error:
        raise UserError(f"`{path}` must be valid JSON. Received: {error}.") from error
    if not isinstance(content, dict):
        raise UserError(f"`{path}` must hold a JSON object. Received: {type(content).__name__}.")
    return content


def write_json(path: str | os.PathLike[str] | None, content: Any) -> None:
    """Writes `content` as indented JSON, all of it or nothing (see `replacing`).

    Args:
        path: the file; `None` writes nothing, as for a report that nobody asked for.
        content: of JSON types.
    """
    if path is None:
        return
    with replacing(path) as aside:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        # Of a file name that is not UTF-8; what Python writes for it is JSON's own way too.
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")
