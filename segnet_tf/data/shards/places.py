"""Which `--data` are shards. Told without TensorFlow, which takes seconds to import."""

from __future__ import annotations

from pathlib import Path

from segnet_tf.system.text_files import parse_json, read_text

MANIFEST = "manifest.json"
FORMATS = "segnet_tf shards "
FORMAT = f"{FORMATS}2"


def is_remote(data: str | Path) -> bool:
    """Whether a folder is on a file system of TensorFlow's, as `gs://bucket/folder` is."""
    return "://" in str(data)


def is_sharded(data: str | Path) -> bool:
    """Whether a folder holds shards, also unfinished ones; a remote one can hold nothing else."""
    if is_remote(data):
        return True
    try:
        content = parse_json(read_text(Path(data, MANIFEST)))
    except (OSError, ValueError):
        content = None
    if isinstance(content, dict) and str(content.get("format", "")).startswith(FORMATS):
        return True
    return any(Path(data).glob("*-of-*.tfrecord"))
