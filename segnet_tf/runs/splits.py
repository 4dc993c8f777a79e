"""The splits of the data that a run is trained and validated on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from segnet_tf.config import READING
from segnet_tf.data import Samples, Source, open_samples, open_source
from segnet_tf.data.samples import Pair
from segnet_tf.errors import UserError
from segnet_tf.runs.records import RunRecord


def open_split(
    data: str,
    split: str,
    size: tuple[int, int] | None = None,
    limit: int | None = None,
    **reading: Any,
) -> Samples:
    """`split_of` a data set that is opened for this split alone."""
    return split_of(open_source(data, size=size, **reading), split, limit)


def split_of(source: Source, split: str, limit: int | None = None) -> Samples:
    """Like `segnet_tf.data.open_samples`; the split "a+b" has the images of a, then those of b.

    "train/0001TP+train/0016E5" are two drives of three.

    Raises:
        UserError: as `open_samples`, or an image is in two of the parts.
    """
    first, *others = split.split("+")
    samples = source.samples(first)
    joined = first
    for name in others:
        part = source.samples(name)
        twice = part.shared(samples)
        if twice:
            raise UserError(
                f"`split` must have each image once. Received: {split!r}, where {twice} of the "
                f"{len(part)} images of {name} are in {joined} too. Join parts that have no image "
                "in common."
            )
        joined = f"{joined}+{name}"
        samples = _joined(samples, part, joined)
    return samples if limit is None else samples.subset(limit)


def seen_in_training(train: Samples, scored: Samples) -> str | None:
    """A warning if images are scored that are trained on, of splits of the same data."""
    count = scored.shared(train)
    if not count:
        return None
    return (
        f"{count} of the {len(scored)} images of {scored.split} are trained on: a score on them "
        "does not say how good the network is on new ones."
    )


def run_split(
    record: RunRecord | None,
    use: Literal["train", "val"],
    data: str | None = None,
    limit: int | None = None,
    *,
    split: str | None = None,
    size: tuple[int, int] | None = None,
    **reading: Any,
) -> Samples:
    """The training or the validation images, as the run of a model calls and reads them.

    Args:
        record: of the run; None for a model without one.
        use: what the images are for.
        data: where to look; None for where the run found them. Where it has no split of the
            run's name, or must be read otherwise, it is opened as data that no run knows; but not
            where it has some of the prefixes that the run chose, as of "train/a+train/b".
        limit: the first so many images only.
        split: the name of the split; None for the run's own name.
        size: of synthetic scenes; None for the run's.
        reading: arguments of `open_samples` that come before the run's.

    Raises:
        UserError: there is no such data or split.
    """
    config = record["config"] if record else {}
    if size is None and config.get("size"):
        size = tuple(config["size"])
    where = data or config["data"]
    name = split or config.get(f"{use}_split", use)
    known = reading_of(config) | reading
    try:
        return open_split(where, name, size, limit, **known)
    except UserError:
        if data is None or (name == (split or use) and known == reading):
            raise
        # All of train would hold images that the run was kept from.
        if any(_opens(where, part, known) for part in name.split("+") if "/" in part):
            raise
    return open_split(where, split or use, size, limit, **reading)


def _opens(data: str, split: str, reading: Mapping[str, Any]) -> bool:
    try:
        open_samples(data, split, **reading)
    except UserError:
        return False
    return True


def reading_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a configuration says of how to read its data, as `open_samples` takes it."""
    return {name: config[name] for name in READING if config.get(name) not in (None, 0)}


def _joined(first: Samples, second: Samples, split: str) -> Samples:
    count = len(first)

    def of(index: int) -> tuple[Samples, int]:
        return (first, index) if index < count else (second, index - count)

    def read(index: int) -> Pair:
        part, position = of(index)
        return part.read(position)

    def read_as(channels: int, index: int) -> Pair:
        part, position = of(index)
        return part.in_channels(channels).read(position)

    def origin(index: int) -> tuple[str, str]:
        part, position = of(index)
        return part.origin(position)

    return dataclasses.replace(
        first,
        split=split,
        stems=first.stems + second.stems,
        read=read,
        read_as=read_as,
        files=first.files + second.files,
        origin_of=origin,
    )
