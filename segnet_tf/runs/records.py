"""The files of a run folder, its `config.json`, and the data splits of a run."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict, cast

from segnet_tf.config import TrainConfig
from segnet_tf.data import Classes, Samples, open_samples
from segnet_tf.data.classes import Color
from segnet_tf.data.samples import Pair
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import read_json
from segnet_tf.version import __version__

RUN_FILES = (
    "config.json",
    "log.csv",
    "last.keras",
    "best.keras",
    "curves.png",
    "confusion.png",
    "predictions.png",
    "scores.json",
)


class ClassEntry(TypedDict):
    """A class in `config.json`. Written with the key "colour", as every run before."""

    name: str
    colour: Color


class RunRecord(TypedDict):
    """The content of a run's `config.json`: the configuration, and what it was resolved to."""

    config: dict[str, Any]
    source: str
    training_images: int
    validation_images: int
    steps_per_epoch: int
    num_classes: int
    classes: list[ClassEntry]
    class_weights: list[float] | None
    versions: dict[str, str]


def open_split(
    data: str, split: str, size: tuple[int, int] | None = None, limit: int | None = None
) -> Samples:
    """Like `segnet_tf.data.open_samples`; the split "a+b" has the images of a, then those of b."""
    parts = [open_samples(data, name, size=size) for name in split.split("+")]
    samples = parts[0] if len(parts) == 1 else _joined(parts, split)
    return samples if limit is None else samples.subset(limit)


def _joined(parts: Sequence[Samples], split: str) -> Samples:
    where = [(part, index) for part in parts for index in range(len(part))]

    def read(position: int) -> Pair:
        part, index = where[position]
        return part.read(index)

    stems = tuple(stem for part in parts for stem in part.stems)
    return dataclasses.replace(parts[0], split=split, stems=stems, read=read)


def describe(
    config: TrainConfig,
    train: Samples,
    val: Samples,
    num_classes: int,
    class_weights: list[float] | None,
) -> RunRecord:
    """The `config.json` of a run."""
    return {
        "config": config.to_json(),
        "source": train.source,
        "training_images": len(train),
        "validation_images": len(val),
        "steps_per_epoch": len(train) // config.batch_size,
        "num_classes": num_classes,
        "classes": [
            {"name": name, "colour": color}
            for name, color in zip(train.classes.names, train.classes.colors, strict=True)
        ],
        "class_weights": class_weights,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of those that results depend on."""
    found = {"python": platform.python_version(), "segnet_tf": __version__}
    for name in ("tensorflow", "keras", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def read_run(model: str | Path) -> RunRecord | None:
    """The `config.json` of a run, or `None` if `model` does not belong to a run.

    Args:
        model: a run folder, a file in one, or the JSON file itself.
    """
    path = Path(model)
    file = path
    if path.suffix != ".json":
        file = (path if path.is_dir() else path.parent) / "config.json"
    if not file.is_file():
        return None
    content = read_json(file)
    # Other programs write files called config.json too.
    known = ("config", "classes", "class_weights", "num_classes", "training_images")
    return cast(RunRecord, content) if all(name in content for name in known) else None


def run_classes(record: RunRecord) -> Classes:
    """The classes in a run's `config.json`."""
    try:
        names = tuple(entry["name"] for entry in record["classes"])
        colors = tuple(cast(Color, tuple(entry["colour"])) for entry in record["classes"])
    except (KeyError, TypeError) as error:
        raise UserError(
            f"`config.json` must list classes with name and color. Received: {error}."
        ) from error
    return Classes(names, colors)
