"""What a folder of shards says of itself: `manifest.json`, and an index of each split.

`DIR/manifest.json` has the classes and the shards of each split with their sizes and checksums. It
is written last, so a folder that has one is complete. `DIR/SPLIT.index.json` has the name of each
pair, where in its shard its record begins, and the record's checksum: TFRecord has one of its own,
but TensorFlow's reader that checks it reads 16 MB for each record. A shard,
`SPLIT-00000-of-00010.tfrecord`, is a TFRecord file of `tf.train.Example` with the keys of
TensorFlow's DeepLab: the image file as it was, and the class ids as a PNG.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import tensorflow as tf

from segnet_tf.data.classes import Classes
from segnet_tf.data.shards.files import first_line, join, read_file
from segnet_tf.data.shards.places import FORMAT, FORMATS, MANIFEST
from segnet_tf.errors import UserError
from segnet_tf.system.outputs import require_plain_name
from segnet_tf.system.text_files import parse_json
from segnet_tf.system.typed import require_types

# Keys of the features of an Example.
IMAGE, LABELS, NAME = "image/encoded", "image/segmentation/class/encoded", "image/filename"
# What TFRecord writes around a record: its length and that one's checksum, behind it its own.
HEAD, FRAME = 12, 16


@dataclass(frozen=True)
class Shard:
    """One file.

    Attributes:
        file: its name.
        images: how many pairs it has.
        bytes: its size.
        sha256: of the file, hexadecimal, as `sha256sum` prints it.
    """

    file: str
    images: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Split:
    """The shards of a split, in order.

    Attributes:
        index: name of the file with its index.
        index_sha256: of that file.
        pixels: of each class.
        void: pixels of void.
        sizes: "WIDTHxHEIGHT" -> how many images.
    """

    images: int
    index: str
    index_sha256: str
    pixels: tuple[int, ...]
    void: int
    sizes: dict[str, int]
    shards: tuple[Shard, ...]


_HINTS = {"source": str, "reading": dict[str, Any], "splits": dict[str, Split]}


@dataclass(frozen=True)
class Manifest:
    """A data set in shards.

    Attributes:
        source: name of the data set.
        classes: of its labels.
        reading: how it was read: layout, val_share, split_seed, image_range.
        splits: by name.
    """

    source: str
    classes: Classes
    reading: dict[str, Any]
    splits: dict[str, Split] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        rows = zip(self.classes.names, self.classes.colors, strict=True)
        return {
            "format": FORMAT,
            "source": self.source,
            "classes": [{"name": name, "color": list(color)} for name, color in rows],
            "reading": self.reading,
            "splits": {name: asdict(split) for name, split in self.splits.items()},
        }


def read_manifest(directory: str) -> Manifest:
    """The manifest of a folder, which may be `gs://...`.

    Raises:
        UserError: there is none, or it is none of this program's.
    """
    path = join(directory, MANIFEST)
    try:
        content = parse_json(read_file(path))
        if content["format"] != FORMAT:
            if not content["format"].startswith(FORMATS):
                raise ValueError(f"format {content['format']!r}")
            raise UserError(
                f"`data` must be shards of the format {FORMAT!r}. Received: {directory} of the "
                f"format {content['format']!r}. Write them again by `segnet-tf shard --overwrite` "
                "or, if a newer version of this program wrote them, update it."
            )
        classes = Classes(
            tuple(row["name"] for row in content["classes"]),
            tuple(tuple(row["color"]) for row in content["classes"]),
        )
        require_types(content, _HINTS, path)
        splits = {
            name: Split(**{**split, "shards": tuple(Shard(**shard) for shard in split["shards"])})
            for name, split in content["splits"].items()
        }
        for split in splits.values():
            for name in (split.index, *(shard.file for shard in split.shards)):
                require_plain_name(name, "splits", path)
        return Manifest(content["source"], classes, content["reading"], splits)
    except UserError:
        raise
    except tf.errors.OpError as error:
        raise UserError(
            "`data` must be a folder of shards whose writing is finished, since folders of images "
            f"are read from this machine's disks only. Received: {directory} without {MANIFEST} "
            f"({first_line(error)}). Write it by `segnet-tf shard`."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"`data` must have a {MANIFEST} that `segnet-tf shard` wrote. Received: {path} "
            f"({first_line(error)}). Write the shards again."
        ) from error


@dataclass(frozen=True)
class Index:
    """Where the pairs of a split are.

    Attributes:
        names: of the pairs.
        offsets: for each shard where its records begin, in bytes.
        checksums: for each shard those of its records, `zlib.crc32`.
    """

    names: tuple[str, ...]
    offsets: list[list[int]]
    checksums: list[list[int]]


def read_index(directory: str, split: Split) -> Index:
    """The index of a split.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = join(directory, split.index)
    try:
        content = read_file(path)
    except tf.errors.OpError as error:
        raise broken(path, first_line(error)) from error
    if hashlib.sha256(content).hexdigest() != split.index_sha256:
        raise broken(path, "its checksum is another one")
    try:
        index = parse_json(content)
        lists = {"offsets": list[list[int]], "checksums": list[list[int]]}
        require_types(index, {"names": list[str], **lists}, path)
        found = Index(tuple(index["names"]), index["offsets"], index["checksums"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken(path, first_line(error)) from error
    counts = [shard.images for shard in split.shards]
    lengths = [list(map(len, lists)) for lists in (found.offsets, found.checksums)]
    if lengths != [counts, counts] or len(found.names) != sum(counts):
        raise broken(path, "it has more or fewer pairs than its shards")
    for shard, offsets in zip(split.shards, found.offsets, strict=True):
        if any(end - start < FRAME for start, end in pairwise([0, *offsets[1:], shard.bytes])):
            raise broken(path, f"its records of {shard.file} are in no order")
    return found


def broken(path: str, reason: str) -> UserError:
    """The error for a file of a data set in shards that is missing or damaged."""
    return UserError(
        f"a data set in shards must have all of its files, whole. Received: {path} ({reason}). "
        "Copy it again, or write it again by `segnet-tf shard`."
    )


def encode(image: bytes, labels: bytes, name: str) -> bytes:
    """One record."""

    def text(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    values = {IMAGE: image, LABELS: labels, NAME: name.encode(errors="surrogateescape")}
    features = tf.train.Features(feature={key: text(value) for key, value in values.items()})
    return tf.train.Example(features=features).SerializeToString(deterministic=True)


def decode(record: bytes, keys: Sequence[str]) -> list[bytes]:
    """The values of a record at some keys."""
    features = tf.train.Example.FromString(record).features.feature
    return [features[key].bytes_list.value[0] for key in keys]
