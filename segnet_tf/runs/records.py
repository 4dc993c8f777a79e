"""The files of a run folder, and its `config.json`."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast, get_type_hints

from segnet_tf.config import TrainConfig
from segnet_tf.data import Classes, Samples
from segnet_tf.data.classes import Color
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import read_json
from segnet_tf.system.typed import require_types
from segnet_tf.version import __version__

# `(height, width)` in pixels; the smallest and the largest of some images, by area.
ImageSize = tuple[int, int]
Bounds = tuple[ImageSize, ImageSize]

# The parameters of a CRF behind the model, as `segnet-tf tune-crf` finds them.
CRF_FILE = "crf.json"
# What each tracker calls the run, so that a resumed one goes on there.
TRACKERS_FILE = "trackers.json"

RUN_FILES = (
    "config.json",
    "log.csv",
    "last.keras",
    "best.keras",
    "calibrated.keras",
    "temperature.keras",
    "temperature.json",
    CRF_FILE,
    TRACKERS_FILE,
    "curves.png",
    "confusion.png",
    "predictions.png",
    "scores.json",
)


class ClassEntry(TypedDict):
    """A class in `config.json`. Written with the key "colour", as every run before."""

    name: str
    colour: Color


class ImageSizes(TypedDict):
    """`[height, width]` of the smallest and of the largest training image, by area."""

    smallest: ImageSize
    largest: ImageSize


class RunRecord(TypedDict):
    """The content of a run's `config.json`: the configuration, and what it was resolved to.

    `image_sizes` are those of whole images, before crop and zoom, and `fingerprints` tell the data
    of each split from other data; older runs lack them.
    `teacher` is a digest of the file of the network that the run learned from, if it did.
    `temperature` is there in the record of a file whose logits were divided by it.
    """

    config: dict[str, Any]
    source: str
    training_images: int
    validation_images: int
    steps_per_epoch: int
    num_classes: int
    classes: list[ClassEntry]
    class_weights: list[float] | None
    image_sizes: NotRequired[ImageSizes]
    fingerprints: NotRequired[dict[str, Any]]
    teacher: NotRequired[str | None]
    temperature: NotRequired[float]
    versions: dict[str, str]


def bounds_of(sizes: Iterable[ImageSize]) -> Bounds:
    """The smallest and the largest of some sizes, by area."""
    ordered = sorted(sizes, key=lambda size: (math.prod(size), size))
    return ordered[0], ordered[-1]


def describe(
    config: TrainConfig,
    train: Samples,
    val: Samples,
    num_classes: int,
    class_weights: list[float] | None,
    image_sizes: Bounds,
) -> RunRecord:
    """The `config.json` of a run; `image_sizes` of its training images."""
    smallest, largest = image_sizes
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
        "image_sizes": {"smallest": smallest, "largest": largest},
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
        model: a run folder, the JSON file itself, or a model: a file in a run folder, which
            `best.keras` or `last.keras` make one, or a packed one with its JSON file beside it.
    """
    path = Path(model)
    if path.is_dir():
        return _read(path / "config.json")
    if path.suffix == ".json" or not path.is_file():
        return _read(path)
    packed = _read(path.with_suffix(".json"))
    if packed is not None:
        return packed
    in_run = any((path.parent / name).is_file() for name in ("best.keras", "last.keras"))
    return _read(path.parent / "config.json") if in_run else None


def temperature_of(model: str | Path) -> float:
    """By what the logits of a `.keras` file have been divided already, 1 for a model as trained.

    Raises:
        UserError: the JSON file beside it has another thing than a number there.
    """
    beside = Path(model).with_suffix(".json")
    if Path(model).is_dir() or not beside.is_file():
        return 1.0
    found = read_json(beside).get("temperature", 1.0)
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not is_number or not 0 < found < 1e300:  # a whole number may be beyond any float
        raise UserError(
            f"`temperature` in {beside} must be a number above 0. Received: {found!r}. "
            "Take the file that was written with the model."
        )
    return float(found)


def _read(file: Path) -> RunRecord | None:
    if not file.is_file():
        return None
    content = read_json(file)
    # Other programs write files called config.json too.
    known = ("config", "classes", "class_weights", "num_classes", "training_images")
    if not all(name in content for name in known):
        return None
    require_types(content, get_type_hints(RunRecord), file)
    # A packed model names no data.
    config = {name: value for name, value in content["config"].items() if name != "data" or value}
    require_types(config, get_type_hints(TrainConfig), f"`config` of {file}")
    return cast(RunRecord, content)


def require_same_order(record: RunRecord | None, classes: Classes, where: str) -> None:
    """Raises UserError if data has a run's classes in another order, so that its ids mean others.

    Args:
        record: of the run; None for a model without one.
        classes: of the data.
        where: the data, for the message.
    """
    known = () if record is None else tuple(entry["name"] for entry in record["classes"])
    before, now = ([name.casefold() for name in names] for names in (known, classes.names))
    if before != now and sorted(before) == sorted(now):
        raise UserError(
            "`data` must have its classes in the order in which the model was trained on them: "
            f"{', '.join(known)}. Received: {', '.join(classes.names)} in {where}. Change the ids "
            "of masks and class file to that order, or train on this data."
        )


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
