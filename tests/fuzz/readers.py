"""What is done with a file of others, by the functions that the commands call.

A reader may return or raise a UserError of one line that no terminal takes for a command. Anything
else is a failure: another exception, more seconds or memory than the worker allows, a crash. Each
runs in a folder of its own.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def check(read: Callable[[bytes], object], content: bytes) -> bool:
    """Whether the reader took the input; a refusal is fine, all else is raised."""
    from segnet_tf.errors import UserError

    try:
        read(content)
    except UserError as error:
        _require_one_line(error)
        return False
    return True


def class_file(content: bytes) -> object:
    from segnet_tf.data import class_file

    path = Path({b"T": "classes.txt", b"C": "classes.csv"}.get(content[:1], "classes.json"))
    path.write_bytes(content[1:])
    return class_file.load(path)


def configuration(content: bytes) -> object:
    from segnet_tf.config import TrainConfig
    from segnet_tf.config_files import read_config

    path = Path("config.toml" if content[:1] == b"T" else "config.json")
    path.write_bytes(content[1:])
    return TrainConfig.from_json(read_config(path))


def record(content: bytes) -> object:
    from segnet_tf.config import TrainConfig
    from segnet_tf.runs.records import read_run, run_classes

    Path("config.json").write_bytes(content)
    record = read_run(Path("config.json"))
    if record is None:
        return None
    return TrainConfig.from_json(record["config"] | {"data": "synthetic"}), run_classes(record)


def picture(content: bytes) -> object:
    from segnet_tf.data.image_files import Encoded
    from segnet_tf.data.images import read_image

    file = Encoded(content, "a.png")
    options = ({}, {"image_range": 4095}, {"channels": 1}, {"channels": 4})
    return _all([functools.partial(read_image, file, **option) for option in options])


def _all(readers: Sequence[Callable[[], object]]) -> None:
    """Calls all; if all refuse, raises what the first of them raised."""
    from segnet_tf.errors import UserError

    refusals = []
    for read in readers:
        try:
            read()
        except UserError as error:
            _require_one_line(error)
            refusals.append(error)
    if len(refusals) == len(readers):
        raise refusals[0]


def mask(content: bytes) -> object:
    from segnet_tf.data.masks import read_mask
    from segnet_tf.data.meaning import Meaning
    from segnet_tf.data.palettes import distinct

    Path("a.tif").write_bytes(content)
    mask = read_mask("a.tif")
    distinct(mask.values)
    return _meaning(Meaning).labels(mask, Path("a.tif"))


@functools.cache
def _meaning(meaning: Any) -> Any:
    from segnet_tf.data.classes import Classes

    classes = Classes(("road", "sky", "car"), ((1, 2, 3), (4, 5, 6), (7, 8, 9)))
    colors = {color: sum(color) % 3 for color in itertools.product(range(3), repeat=3)}
    return meaning(classes, {0: 0, 1: 1, 2: 2, 255: 255, -1: 255}, colors)


def weights(content: bytes) -> object:
    from segnet_tf.models.pretrained.pth import read_pth
    from segnet_tf.models.pretrained.torch_state_dict import plain_names

    Path("a.pth").write_bytes(content)
    return {name: array.sum() for name, array in plain_names(read_pth("a.pth")).items()}


def network(content: bytes) -> object:
    from segnet_tf.export.tflite_file import finite, flatbuffer, metadata

    return _all(
        [
            lambda: flatbuffer.read(content),
            lambda: finite.require_numbers(content, "a.tflite"),
            lambda: metadata.read(content),
        ]
    )


def labels(content: bytes) -> object:
    from segnet_tf.export.tflite_file.labels import read_labels

    return read_labels(content)


def said(content: bytes) -> object:
    from segnet_tf.export.tflite_file import uncertainty

    return uncertainty.from_bytes(content, "a.tflite")


def request(content: bytes) -> object:
    from tests.fuzz.page import answer

    return answer(content)


def model(content: bytes) -> object:
    from segnet_tf.runs.checkpoints import load_model

    Path("a.keras").write_bytes(content)
    return load_model("a.keras")


def _require_one_line(error: Exception) -> None:
    from segnet_tf.errors import printable

    text = str(error)
    if "\n" in text.strip() or printable(text) != text:
        raise AssertionError(f"not one line, or not printable: {text!r}")
