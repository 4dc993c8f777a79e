"""Writes a data set as shards, each of them whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from segnet_tf.data.census import count_labels
from segnet_tf.data.classes import VOID
from segnet_tf.data.images import LOOKED_AT, spread
from segnet_tf.data.samples import Samples
from segnet_tf.data.shards.claims import beside, claim, release
from segnet_tf.data.shards.files import first_line, join, read_file, write_file, writing
from segnet_tf.data.shards.manifest import FRAME, Manifest, Shard, Split, encode
from segnet_tf.data.shards.places import FORMAT, MANIFEST, is_remote
from segnet_tf.errors import UserError
from segnet_tf.system.locks import only_writer
from segnet_tf.system.outputs import require_plain_name
from segnet_tf.system.threads import in_order

SHARD_BYTES = 128 * 2**20
_CHUNK = 2**20


@dataclass(frozen=True)
class _Written:
    """A finished shard, as its file beside it says while others are written."""

    key: str
    shard: Shard
    offsets: list[int]
    checksums: list[int]
    pixels: list[int]
    void: int
    sizes: dict[str, int]


def write_shards(
    splits: dict[str, Samples],
    output: str | Path,
    reading: dict[str, Any],
    *,
    shard_bytes: int = SHARD_BYTES,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Writes splits of a data set. After `kill -9` the same call goes on.

    A shard that is finished is taken as it is if its images and masks are the same files, of the
    same size and time. The manifest is written last.

    Args:
        splits: by name, of one data set.
        output: a folder, made if missing; `gs://bucket/folder` too.
        reading: how `splits` were read, for the manifest.
        shard_bytes: about so large is a shard.
        overwrite: replace a data set that is finished.
        progress: called with (pairs done, pairs).

    Returns:
        What was written.

    Raises:
        UserError: a finished data set without `overwrite`, a folder that cannot be written, that
            another process writes or that holds another's files under the same names, an image or
            mask that cannot be read. What is finished is kept.
    """
    directory = str(output)
    total = sum(map(len, splits.values()))
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, total)

    first = next(iter(splits.values()))
    manifest = Manifest(first.source, first.classes, reading)
    parts = {
        name: _parts(require_plain_name(name, "splits", "data"), samples, shard_bytes)
        for name, samples in splits.items()
    }
    shards = [file for files in parts.values() for file in files]
    kept = {*shards, *map(_index_of, parts)}
    try:
        tf.io.gfile.makedirs(directory)
        with contextlib.ExitStack() as stack:
            if not is_remote(directory):
                stack.enter_context(only_writer(Path(directory), "output"))
            claim(directory, kept.union(map(beside, shards)), overwrite)
            for name, files in parts.items():
                manifest.splits[name] = _write_split(directory, name, files, tick)
            write_file(
                join(directory, MANIFEST),
                (json.dumps(manifest.to_json(), indent=2, ensure_ascii=False) + "\n").encode(),
            )
            release(directory, kept)
    except (tf.errors.OpError, OSError) as error:
        raise UserError(
            f"`output` must be a folder that can be written. Received: {directory}: "
            f"{first_line(error)}. Free some space or choose another folder; what is finished is "
            "kept, and the same command goes on."
        ) from error
    return manifest


def _parts(name: str, samples: Samples, shard_bytes: int) -> dict[str, Samples]:
    """What each shard of a split is to hold, by its name."""
    some = [len(_image_file(samples, i)) for i in spread(range(len(samples)), LOOKED_AT)]
    images = max(1, round(shard_bytes * len(some) / sum(some)))
    starts = range(0, len(samples), images)
    return {
        f"{name}-{number:05d}-of-{len(starts):05d}.tfrecord": samples.subset(
            range(start, min(start + images, len(samples)))
        )
        for number, start in enumerate(starts)
    }


def _write_split(
    directory: str, name: str, parts: dict[str, Samples], tick: Callable[[int], None]
) -> Split:
    written = [_write_shard(directory, file, part, tick) for file, part in parts.items()]
    stems = [stem for part in parts.values() for stem in part.stems]
    index = {
        "names": stems,
        "offsets": [one.offsets for one in written],
        "checksums": [one.checksums for one in written],
    }
    content = json.dumps(index, ensure_ascii=False).encode(errors="surrogateescape")
    write_file(join(directory, _index_of(name)), content)
    sizes: Counter[str] = Counter()
    for one in written:
        sizes.update(one.sizes)
    return Split(
        len(stems),
        _index_of(name),
        hashlib.sha256(content).hexdigest(),
        tuple(np.sum([one.pixels for one in written], axis=0).tolist()),
        sum(one.void for one in written),
        dict(sizes),
        tuple(one.shard for one in written),
    )


def _write_shard(directory: str, file: str, part: Samples, tick: Callable[[int], None]) -> _Written:
    key = hashlib.sha256(
        json.dumps([FORMAT, part.stems, [part.origin(i) for i in range(len(part))]]).encode()
    ).hexdigest()
    path, note = join(directory, file), join(directory, beside(file))
    found = _finished(path, note)
    if found is not None and (found.key, found.shard.file) == (key, file):
        tick(len(part))
        return found

    def record(index: int) -> tuple[bytes, np.ndarray, tuple[int, ...]]:
        labels = part.read(index)[1]  # finds a damaged pair
        buffer = io.BytesIO()
        Image.fromarray(labels).save(buffer, "PNG")
        content = encode(_image_file(part, index), buffer.getvalue(), part.stems[index])
        return content, count_labels(labels), labels.shape

    offsets, checksums, place = [], [], 0
    counts = np.zeros(VOID + 1, np.int64)
    sizes: Counter[str] = Counter()
    with writing(path) as local:
        with tf.io.TFRecordWriter(local) as writer:
            for content, pixels, (height, width) in in_order(record, range(len(part))):
                writer.write(content)
                offsets.append(place)
                checksums.append(zlib.crc32(content))
                place += len(content) + FRAME
                counts += pixels
                sizes[f"{width}x{height}"] += 1
                tick(1)
        digest = sha256_of(local)
    shard = Shard(file, len(part), place, digest)
    pixels = counts[: len(part.classes)].tolist()
    written = _Written(key, shard, offsets, checksums, pixels, int(counts[VOID]), dict(sizes))
    write_file(note, json.dumps(asdict(written)).encode())
    return written


def _finished(path: str, note: str) -> _Written | None:
    """What an earlier call has written; None if there is nothing."""
    try:
        content = json.loads(read_file(note))
        found = _Written(**{**content, "shard": Shard(**content["shard"])})
        whole = tf.io.gfile.stat(path).length == found.shard.bytes
    except (tf.errors.NotFoundError, ValueError, KeyError, TypeError):
        return None
    return found if whole else None


def _image_file(samples: Samples, index: int) -> bytes:
    """The file of an image as it is; a PNG of an image that is in no file."""
    if samples.files:
        return samples.files[index].read_bytes()
    buffer = io.BytesIO()
    Image.fromarray(samples.read(index)[0]).save(buffer, "PNG")
    return buffer.getvalue()


def sha256_of(path: str) -> str:
    """The checksum of a file, read in chunks."""
    digest = hashlib.sha256()
    with tf.io.gfile.GFile(path, "rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _index_of(split: str) -> str:
    return f"{split}.index.json"
