"""What tells data from other data without reading all of it: a run goes on with its own only."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from segnet_tf.data.images import spread
from segnet_tf.data.samples import Samples
from segnet_tf.errors import UserError

# Pairs of a split whose labels are read, and image files that are measured: evenly spread ones.
_READ, _MEASURED = 16, 100
# Of the files that are measured so many may have another size, and one in any case: a damaged image
# is put right, and the run goes on.
_MENDED = 0.1

# What is compared -> a number, a hash, or a list with a value a file: None if it tells nothing.
Fingerprint = dict[str, int | str | list[str | None] | list[int | None]]

_COUNT, _NAMES = "number of images", "names of the images"
_CLASSES, _LABELS, _SIZES = "names of the classes", "labels", "sizes of the image files"


def fingerprint(samples: Samples) -> Fingerprint:
    """What tells a split, the same for a copy of its folder and for shards of it.

    Images in files are told by the size of these files: pixels of a JPEG may differ by the decoder.
    A damaged pair tells nothing: it is named when training meets it.
    """
    indices = range(len(samples))
    return {
        _COUNT: len(samples),
        _NAMES: _hash(samples.stems),
        _CLASSES: _hash([name.casefold() for name in samples.classes.names]),
        _LABELS: [_labels(samples, index) for index in spread(indices, _READ)],
        _SIZES: [_size(samples, index) for index in spread(indices, _MEASURED)],
    }


def difference(then: object, now: Fingerprint) -> str | None:
    """The first thing that is another one; None if the data is the same.

    Args:
        then: an earlier fingerprint, out of a file: anything.
        now: of the data at hand.
    """
    known: dict[str, Any] = then if isinstance(then, dict) else {}
    for what, value in now.items():
        before = known.get(what)
        if isinstance(value, list) and isinstance(before, list) and len(before) == len(value):
            pairs = [each for each in zip(before, value, strict=True) if None not in each]
            others = sum(a != b for a, b in pairs)
            same = others <= (max(1, _MENDED * len(pairs)) if what == _SIZES else 0)
        else:
            same = before == value
        if not same:
            return what
    return None


def _labels(samples: Samples, index: int) -> str | None:
    try:
        labels = samples.read(index)[1]
    except UserError:
        return None
    return _hash([labels.shape, hashlib.sha256(labels.tobytes()).hexdigest()])


def _size(samples: Samples, index: int) -> int | None:
    try:
        return samples.files[index].stat().st_size if samples.files else None
    except OSError:  # of shards: their names are no files
        return None


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]
