"""Decoded pairs in the files of a folder, for data that is larger than memory."""

from __future__ import annotations

import hashlib
import struct
import sys
import threading
import zlib
from pathlib import Path

import numpy as np

from segnet_tf.data.samples import Pair, Read, Samples
from segnet_tf.errors import UserError
from segnet_tf.system.atomic_files import aside_of

_MAGIC = b"segnet1\n"
# Checksum of what follows, state, and height, width, channels of the image.
_HEADER = struct.Struct("<8sI16sIII")
_CHECKED = 12  # where that begins


class DiskCache:
    """One file for each pair, whole or not there: it is renamed when it has been written.

    A file says of which state of its image and mask it was made: size and time of both files, and
    how they were read. Where that has changed, the pair is decoded again and its file replaced. A
    checksum finds what a power cut or a bad disk has left; such a file is replaced too. Processes
    may share a folder, and several data sets may.

    Args:
        folder: made if missing. `H * W * 4` bytes are written for each pair.
        samples: what is kept. Their `origin` says of what.

    Raises:
        UserError: the folder cannot be written.
    """

    def __init__(self, folder: str | Path, samples: Samples) -> None:
        self._folder = Path(folder)
        self._samples = samples
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self._is_full = False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"`cache` must be a folder that can be written. Received: {folder}: "
                f"{error.strerror}. Choose another folder, or leave it out."
            ) from error

    def pair(self, index: int, read: Read) -> Pair:
        """The pair at an index, kept or read. On a full disk training goes on without."""
        # Before it is read: a file that changes meanwhile must not be kept as its new state.
        name, state = self._samples.origin(index)
        kept = self._kept(name, state)
        if kept is not None:
            return kept
        pair = read(index)
        if not self._is_full:
            self._keep(name, state, pair)
        return pair

    def _kept(self, name: str, state: str) -> Pair | None:
        try:
            content = self._file(name).read_bytes()
        except OSError:
            return None
        head = content[: _HEADER.size].ljust(_HEADER.size, b"\0")
        magic, checksum, of, height, width, channels = _HEADER.unpack(head)
        pixels = height * width
        if (
            magic != _MAGIC
            or len(content) != _HEADER.size + pixels * (channels + 1)
            or checksum != zlib.crc32(memoryview(content)[_CHECKED:])
        ):
            self._say("holds a damaged file", name)
            return None
        if of != _digest(state):
            self._say("is stale", name)
            return None
        values = np.frombuffer(content, np.uint8, offset=_HEADER.size)
        image = values[: pixels * channels].reshape(height, width, channels)
        return image, values[pixels * channels :].reshape(height, width)

    def _keep(self, name: str, state: str, pair: Pair) -> None:
        image, labels = pair
        rest = struct.pack("<16sIII", _digest(state), *image.shape)
        rest += image.tobytes() + labels.tobytes()
        file = self._file(name)
        try:
            file.parent.mkdir(exist_ok=True)
            # Not durable: waiting for the disk takes longer than decoding, and a file that a power
            # cut has damaged is found by its checksum.
            with aside_of(file, durable=False) as aside:
                aside.write_bytes(_MAGIC + struct.pack("<I", zlib.crc32(rest)) + rest)
        except OSError as error:
            self._is_full = True
            self._say(f"takes no more ({error.strerror})", name)

    def _file(self, name: str) -> Path:
        digest = _digest(name).hex()
        return self._folder / digest[:2] / digest[2:]

    def _say(self, what: str, name: str) -> None:
        """Tells of each thing once, with the first pair that it was seen at."""
        with self._lock:
            if what in self._said:
                return
            self._said.add(what)
        print(
            f"segnet-tf: the cache {self._folder} {what}, first for {name}: such pairs are decoded "
            f"again{'' if self._is_full else ' and kept anew'}.",
            file=sys.stderr,
            flush=True,
        )


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=16).digest()
