"""A data set in shards, read pair by pair: any pair of any shard, in any order."""

from __future__ import annotations

import bisect
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from segnet_tf.data.image_files import Encoded, open_image
from segnet_tf.data.images import read_image
from segnet_tf.data.samples import Pair, Samples, require_pairs
from segnet_tf.data.shards.files import first_line, join, read_part
from segnet_tf.data.shards.manifest import (
    FRAME,
    HEAD,
    IMAGE,
    LABELS,
    Index,
    Shard,
    broken,
    decode,
    read_index,
    read_manifest,
)
from segnet_tf.data.splits import in_order, resolve, with_prefix
from segnet_tf.errors import UserError

_UNREADABLE = (tf.errors.OpError, OSError, IndexError, ValueError, TypeError, DecodeError)


class ShardedData:
    """A folder that `segnet-tf shard` wrote. Its pairs are those of the folder it was written of.

    Args:
        directory: on a disk, or what `tf.io.gfile` opens: `gs://bucket/folder`.
        reading: layout, val_share, split_seed and image_range: what the shards were written with,
            or None and 0, since all that is decided.

    Raises:
        UserError: no manifest, or the shards were written with another `reading`.
    """

    def __init__(self, directory: str | Path, reading: Mapping[str, Any]) -> None:
        self.directory = str(directory)
        self.manifest = read_manifest(self.directory)
        for name, value in reading.items():
            written = self.manifest.reading.get(name)
            if value not in (None, 0, written):
                raise UserError(
                    f"`{name}` must be left out for shards, or be what they were written with, "
                    f"{written}. Received: {value} for {self.directory}. Leave it out, or write "
                    "them again by `segnet-tf shard`."
                )
        self._open = cache(self._opened)

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of its splits."""
        return in_order(self.manifest.splits)

    def samples(self, split: str) -> Samples:
        """The pairs of a split, or of "SPLIT/PREFIX".

        Raises:
            UserError: no such split, or one of its files is missing. Reading a pair raises it for a
                damaged one.
        """
        asked, slash, prefix = split.partition("/")
        name = resolve(asked, self.splits, self.directory)
        read_as, stems = self._open(name)
        samples = Samples(
            self.manifest.source,
            name,
            self.manifest.classes,
            stems,
            partial(read_as, 3),
            read_as,
            # Not files, but as different as files: two splits may have the same names.
            files=tuple(Path(name, stem) for stem in stems),
            origin_of=read_as.origin,
        )
        require_pairs(samples, self.directory)
        if not slash:
            return samples
        chosen = samples.subset(with_prefix(prefix, stems, name, self.directory))
        return replace(chosen, split=f"{name}/{prefix}")

    def _opened(self, name: str) -> tuple[_Records, tuple[str, ...]]:
        split = self.manifest.splits[name]
        there = set(tf.io.gfile.listdir(self.directory))
        for shard in split.shards:
            if shard.file not in there:
                raise broken(join(self.directory, shard.file), "it is missing")
        index = read_index(self.directory, split)
        paths = tuple(join(self.directory, shard.file) for shard in split.shards)
        ends = tuple(accumulate(shard.images for shard in split.shards))
        white = self.manifest.reading.get("image_range")
        return _Records(paths, split.shards, ends, index, white), index.names


@dataclass(frozen=True, eq=False)
class _Records:
    """The records of a split: `(channels, index)` gives a pair, see `Samples.read_as`."""

    paths: tuple[str, ...]
    shards: tuple[Shard, ...]
    ends: tuple[int, ...]  # of each shard, the index behind its last pair
    index: Index
    image_range: int | None
    sizes: dict[int, int] = field(default_factory=dict)  # in bytes, of the shards read so far

    def place(self, index: int) -> tuple[int, int]:
        """Number of the shard, and of the record in it."""
        shard = bisect.bisect_right(self.ends, index)
        return shard, index - (self.ends[shard - 1] if shard else 0)

    def origin(self, index: int) -> tuple[str, str]:
        """See `Samples.origin_of`."""
        shard, number = self.place(index)
        offset, state = self.index.offsets[shard][number], self.shards[shard].sha256
        return f"{self.paths[shard]} {offset}", f"{state} {self.image_range}"

    def __call__(self, channels: int, index: int) -> Pair:
        shard, number = self.place(index)
        path, name = self.paths[shard], self.index.names[index]
        start, *others = self.index.offsets[shard][number : number + 2]
        end = others[0] if others else self.shards[shard].bytes
        try:
            # Once a shard: on an object storage it is a request of its own.
            if shard not in self.sizes:
                self.sizes[shard] = tf.io.gfile.stat(path).length
            if end > self.sizes[shard]:
                raise ValueError("it is cut off")
            record = read_part(path, start + HEAD, end - start - FRAME)
            if zlib.crc32(record) != self.index.checksums[shard][number]:
                raise ValueError("its checksum is another one")
            content, stored = decode(record, (IMAGE, LABELS))
        except _UNREADABLE as error:
            raise broken(path, f"the record of {name}: {first_line(error)}") from error
        image = read_image(Encoded(content, f"{path}, {name}"), self.image_range, channels)
        labels = np.array(open_image(Encoded(stored, f"{path}, labels of {name}")))
        if labels.shape != image.shape[:2] or labels.dtype != np.uint8:
            raise broken(path, f"the record of {name}: labels {labels.shape} {labels.dtype}")
        return image, labels
