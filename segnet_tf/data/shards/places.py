"""Which `--data` are shards. Told without TensorFlow, which takes seconds to import."""

from __future__ import annotations

import json
from pathlib import Path

MANIFEST = "manifest.json"
FORMAT = "segnet_tf shards 1"


def is_remote(data: str | Path) -> bool:
    """Whether a folder is on a file system of TensorFlow's, as `gs://bucket/folder` is."""
    return "://" in str(data)


def is_sharded(data: str | Path) -> bool:
    """Whether a folder holds shards; a remote one can hold nothing else."""
    if is_remote(data):
        return True
    try:
        content = json.loads(Path(data, MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and str(content.get("format", "")).startswith("segnet_tf ")
