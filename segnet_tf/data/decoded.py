"""Samples as `tf.data` reads them: decoded at the start or when met, and where they are kept."""

from __future__ import annotations

import contextlib
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Protocol

import tensorflow as tf

from segnet_tf.data.disk_cache import DiskCache
from segnet_tf.data.images import LOOKED_AT, spread
from segnet_tf.data.samples import Pair, Read, Samples
from segnet_tf.errors import UserError
from segnet_tf.system.resident import physical_memory
from segnet_tf.system.threads import in_order

# Data sets of up to so many images are read whole before the first step: seconds, and a damaged
# file costs no epoch. Of larger ones a sample is looked at.
READ_AT_START = 2048
CACHE_BYTES = 4 * 2**30


class Cache(Protocol):
    """Where decoded pairs are kept."""

    def pair(self, index: int, read: Read) -> Pair:
        """The pair at an index, kept or read; what is read is kept if there is room."""
        ...


class MemoryCache:
    """Keeps the first pairs that fit in so many bytes; the others are read again each time."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._kept: dict[int, Pair] = {}
        self._changing = threading.Lock()

    def pair(self, index: int, read: Read) -> Pair:
        """See `Cache`."""
        if index in self._kept:
            return self._kept[index]
        pair = read(index)
        size = pair[0].nbytes + pair[1].nbytes
        with self._changing:
            if size <= self._left:
                self._left -= size
                self._kept[index] = pair
        return pair


class NoCache:
    """Keeps nothing."""

    def pair(self, index: int, read: Read) -> Pair:
        """See `Cache`."""
        return read(index)


class DecodedSamples:
    """Samples as uint8, decoded when they are asked for.

    All files of a small data set are read at construction, so that a damaged one is reported before
    the first step of training and not in the middle of an epoch. Of more than `READ_AT_START`
    images a sample is read, and a damaged one is reported when it is met.

    Args:
        samples: what to read.
        cache: "memory" keeps `CACHE_BYTES` of them at most, "none" keeps none, "auto" is memory if
            all of them fit there, else none. "disk:DIR" keeps all in the files of a folder.

    Attributes:
        sizes: the different `(height, width)` found so far: all, if all were read.
        is_known: whether all were read.
        channels: of the images.
    """

    def __init__(self, samples: Samples, cache: str = "auto") -> None:
        self._samples = samples
        self.is_known = not is_large(samples)
        self.sizes: set[tuple[int, int]] = set()
        self.channels = 3
        self._only_size: tuple[int, int] | None = None
        everything = range(len(samples))
        chosen = everything if self.is_known else spread(everything, LOOKED_AT)
        self._cache: Cache = NoCache()
        if cache.startswith("disk:"):
            self._cache = DiskCache(cache.removeprefix("disk:"), samples)
        elif cache == "memory" or (cache == "auto" and self.is_known):
            self._cache = MemoryCache(cache_bytes())
        used = brightest = 0
        # Pillow decodes without holding Python's global lock, so threads help.
        for image, labels in in_order(self._pair, chosen):
            self.sizes.add(labels.shape)
            self.channels = image.shape[-1]
            brightest = max(brightest, int(image.max(initial=0)))
            used += image.nbytes + labels.nbytes
        if cache == "auto" and not self.is_known:
            if used / len(chosen) * len(samples) <= cache_bytes():
                self._cache = MemoryCache(cache_bytes())
        if brightest == 1:
            looked_at = "all of" if self.is_known else f"{len(chosen)} images of"
            warnings.warn(
                "images should hold 0..255, the division by 255 is in the model. Received: nothing "
                f"above 1 in {looked_at} {samples.source}, {samples.split}. Are they divided "
                "already, or masks in place of images?",
                stacklevel=2,
            )

    def __call__(self, index: int) -> Pair:
        pair = self._pair(int(index))
        if self._only_size not in (None, pair[1].shape):
            (height, width), (usual_height, usual_width) = pair[1].shape, self._only_size or (0, 0)
            raise UserError(
                "`crop` must be given when images differ in size. Received: an image of "
                f"{width}x{height}, {self._samples.name(int(index))}, and no crop; those looked at "
                f"before have {usual_width}x{usual_height}. Give a height and width."
            )
        return pair

    def _pair(self, index: int) -> Pair:
        return self._cache.pair(index, self._samples.read)

    def require_one_size(self) -> None:
        """Raises UserError for images of several sizes: now, or when such an image is met."""
        if len(self.sizes) > 1:
            some = " and ".join(f"{w}x{h}" for h, w in sorted(self.sizes)[:2])
            raise UserError(
                "`crop` must be given when images differ in size. "
                f"Received: images of {some} and no crop. Give a height and width."
            )
        self._only_size = next(iter(self.sizes))

    @property
    def one_size(self) -> tuple[int, int] | None:
        """`(height, width)` of all images, None if they differ or it is not known."""
        known = self.sizes if self.is_known or self._only_size else set()
        return next(iter(known)) if len(known) == 1 else None

    def tensors(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The pair at a scalar int64 index as uint8 tensors `(H, W, channels)` and `(H, W)`."""
        # Stateless, which is true (the same index gives the same arrays): then `map` runs it in
        # parallel even if TensorFlow has to be deterministic.
        image, labels = tf.numpy_function(self, [index], (tf.uint8, tf.uint8), stateful=False)
        height, width = self.one_size or (None, None)
        image.set_shape((height, width, self.channels))
        labels.set_shape((height, width))
        return image, labels


def is_large(samples: Samples) -> bool:
    """Whether there are too many to be read whole before the first step."""
    return len(samples) > READ_AT_START


def cache_bytes() -> int:
    """How many bytes a cache in memory may take: a quarter of the machine's, at most 4 GiB."""
    return min(CACHE_BYTES, physical_memory() // 4)


@contextlib.contextmanager
def named_errors() -> Iterator[None]:
    """Turns the error that `tf.data` makes of a UserError of a file back into that.

    Raises:
        UserError: a file could not be read; its message names it.
    """
    try:
        yield
    except tf.errors.OpError as error:
        # TensorFlow keeps the text alone, between the name of the class and the traceback.
        found = re.search(r"\bUserError: (.*?)\nTraceback", error.message, re.DOTALL)
        if found is None:
            raise
        raise UserError(found[1]) from error
