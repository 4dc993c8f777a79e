"""What tells data from other data without reading all of it: a run goes on with its own only."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from segnet_tf.data.images import spread
from segnet_tf.data.samples import Samples

# Pairs of a split whose labels are read, and image files that are measured: evenly spread ones.
_READ, _MEASURED = 16, 1000

# What is compared -> a number, or the hash of it; None where there is no such thing.
Fingerprint = dict[str, int | str | None]

_COUNT, _NAMES = "number of images", "names of the images"
_CLASSES, _LABELS, _SIZES = "names of the classes", "labels", "sizes of the image files"


def fingerprint(samples: Samples) -> Fingerprint:
    """What tells a split, the same for a copy of its folder and for shards of it.

    Images in files are told by the size of these files: pixels of a JPEG may differ by the decoder.

    Raises:
        UserError: one of the pairs that are read is damaged.
    """
    count = len(samples)
    labels = hashlib.sha256()
    for index in spread(range(count), _READ):
        found = samples.read(index)[1]
        labels.update(repr(found.shape).encode())
        labels.update(found.tobytes())
    sizes = None
    try:
        if samples.files:
            sizes = [path.stat().st_size for path in spread(samples.files, _MEASURED)]
    except OSError:  # of shards: names that are no files
        pass
    return {
        _COUNT: count,
        _NAMES: _hash(samples.stems),
        _CLASSES: _hash([name.casefold() for name in samples.classes.names]),
        _LABELS: labels.hexdigest()[:32],
        _SIZES: None if sizes is None else _hash(sizes),
    }


def difference(then: object, now: Fingerprint) -> str | None:
    """The first thing that is another one; None if all that both have is the same.

    Args:
        then: an earlier fingerprint, out of a file: anything.
        now: of the data at hand.
    """
    known: dict[str, Any] = then if isinstance(then, dict) else {}
    for what, value in now.items():
        if known.get(what) != value and not (what == _SIZES and None in (known.get(what), value)):
            return what
    return None


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]
