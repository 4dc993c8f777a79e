"""Which files of a folder are those of `write_shards`: no others are replaced or removed.

They are in `manifest.json` of a finished data set, else in `unfinished.json`, which is written
before the first of them and removed last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import tensorflow as tf

from segnet_tf.data.shards.files import join, leftovers, read_file, write_file
from segnet_tf.data.shards.places import FORMAT, FORMATS, MANIFEST
from segnet_tf.errors import UserError

UNFINISHED = "unfinished.json"
_ENDINGS = (".tfrecord", ".index.json", ".finished.json")


def claim(directory: str, files: Iterable[str], overwrite: bool) -> None:
    """Says in a folder that `files` are written there, and takes the manifest away.

    Args:
        directory: exists.
        files: names of all files but the manifest.
        overwrite: replace a data set that is finished.

    Raises:
        UserError: a finished data set without `overwrite`, or a file that is another's.
    """
    there = set(tf.io.gfile.listdir(directory))
    finished = _listed(directory, MANIFEST) if MANIFEST in there else set()
    if finished and not overwrite:
        raise UserError(
            "`output` must be a new folder, or one whose shards are not finished. "
            f"Received: {directory}, which has a {MANIFEST}. Choose another one or pass "
            "overwrite=True (--overwrite)."
        )
    ours = finished | (_listed(directory, UNFINISHED) if UNFINISHED in there else set())
    wanted = set(files)
    for name in sorted({*wanted, MANIFEST, UNFINISHED} & (there - ours)):
        raise UserError(
            "`output` must not hold files of another program under the names to write. "
            f"Received: {directory} with {name}. Choose another folder."
        )
    write_file(join(directory, UNFINISHED), _text(wanted | ours - {MANIFEST, UNFINISHED}))
    if finished:
        tf.io.gfile.remove(join(directory, MANIFEST))


def release(directory: str, kept: Iterable[str]) -> None:
    """Removes all that was claimed but `kept`: what only an unfinished data set needs."""
    claimed = _listed(directory, UNFINISHED) - {UNFINISHED}
    there = tf.io.gfile.listdir(directory)
    spare = claimed - set(kept)
    for name in [*leftovers(there, {*claimed, MANIFEST, UNFINISHED}), *(spare & set(there))]:
        tf.io.gfile.remove(join(directory, name))
    tf.io.gfile.remove(join(directory, UNFINISHED))


def beside(file: str) -> str:
    """What says that a shard is finished, while others are written."""
    return f"{file}.finished.json"


def _listed(directory: str, name: str) -> set[str]:
    """`name` itself and the files that it lists; empty if it is another program's."""
    try:
        content = json.loads(read_file(join(directory, name)))
        if not content["format"].startswith(FORMATS):
            return set()
        if name == UNFINISHED:
            listed = content["files"]
        else:
            splits = content["splits"].values()
            listed = [split["index"] for split in splits]
            listed += [shard["file"] for split in splits for shard in split["shards"]]
        return {name, *(each for each in listed if each.endswith(_ENDINGS) and "/" not in each)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()


def _text(files: set[str]) -> bytes:
    return json.dumps({"format": FORMAT, "files": sorted(files)}, indent=2).encode()
