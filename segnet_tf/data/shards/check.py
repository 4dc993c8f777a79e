"""A look at all of a data set in shards: every file, every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from segnet_tf.data.census import count_labels, sum_counts
from segnet_tf.data.check_report import PICTURES, DataReport, Picture, SplitReport
from segnet_tf.data.images import spread
from segnet_tf.data.samples import Pair, Samples
from segnet_tf.data.shards.files import first_line, join
from segnet_tf.data.shards.manifest import Split, broken
from segnet_tf.data.shards.reader import ShardedData
from segnet_tf.data.shards.writer import sha256_of
from segnet_tf.data.splits import role
from segnet_tf.errors import UserError
from segnet_tf.system.progress import counted
from segnet_tf.system.threads import in_order


def check_shards(directory: str | Path) -> DataReport:
    """Compares every shard with its checksum, and reads every pair.

    Raises:
        UserError: no manifest. All else is reported.
    """
    data = ShardedData(directory, {})
    problems: list[str] = []
    splits: list[SplitReport] = []
    pictures: list[Picture] = []
    for name in data.splits:
        problems += _wrong_shards(data.directory, name, data.manifest.splits[name])
        try:
            samples = data.samples(name)
        except UserError as error:
            problems.append(str(error))
            continue
        report, found = _look(samples)
        splits.append(report)
        problems += found
        pictures += _pictures(samples)
    remarks = [
        line for s in splits if s.census and role(s.name) != "test" for line in s.census.warnings
    ]
    return DataReport(
        data.directory,
        ("shards", f"{len(data.splits)} splits that segnet-tf shard wrote"),
        data.manifest.classes,
        tuple(splits),
        tuple(dict.fromkeys(problems)),
        tuple(remarks),
        tuple(spread(pictures, PICTURES)),
    )


def _wrong_shards(directory: str, name: str, split: Split) -> list[str]:
    def problem(number: int) -> str | None:
        shard = split.shards[number]
        path = join(directory, shard.file)
        try:
            if sha256_of(path) != shard.sha256:
                return str(broken(path, "its checksum is another one"))
        except tf.errors.OpError as error:
            return str(broken(path, first_line(error)))
        return None

    total = len(split.shards)
    found = counted(in_order(problem, range(total)), total, f"checksums of {name}", "shards")
    return [text for text in found if text is not None]


def _look(samples: Samples) -> tuple[SplitReport, list[str]]:
    problems: list[str] = []
    sizes: Counter[tuple[int, int]] = Counter()

    def read(index: int) -> Pair | str:
        try:
            return samples.read(index)
        except UserError as error:
            return str(error)

    def counts() -> Iterator[np.ndarray]:
        total = len(samples)
        pairs = in_order(read, range(total))
        for found in counted(pairs, total, f"checking {samples.split}", "pairs"):
            if isinstance(found, str):
                problems.append(found)
                continue
            height, width = found[1].shape
            sizes[width, height] += 1
            yield count_labels(found[1])

    census = sum_counts(samples.split, samples.classes, counts())
    modes = {("RGB", "L"): sum(sizes.values())}
    report = SplitReport(
        samples.split, len(samples), dict(sizes), modes, census if census.images else None
    )
    return report, problems


def _pictures(samples: Samples) -> list[Picture]:
    found = []
    for index in spread(range(len(samples)), PICTURES):
        try:
            pair = samples.read(index)
        except UserError:
            continue
        found.append(Picture(f"{samples.split}/{samples.stems[index]}", *pair))
    return found
