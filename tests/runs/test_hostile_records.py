"""A run's `config.json` that is not what was written: one line, whichever field is wrong."""

from __future__ import annotations

import copy
import json

import pytest

from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.runs.records import read_run, run_classes, temperature_of

RECORD = {
    "config": {**TrainConfig().to_json(), "size": [64, 96], "class_weights": "enet"},
    "source": "synthetic",
    "training_images": 4,
    "validation_images": 2,
    "steps_per_epoch": 1,
    "num_classes": 2,
    "classes": [{"name": "road", "colour": [1, 2, 3]}, {"name": "sky", "colour": [4, 5, 6]}],
    "class_weights": [1.0, 2],
    "image_sizes": {"smallest": [64, 96], "largest": [64, 96]},
    "versions": {"python": "3.11"},
}
WRONG = [None, True, -1.5, "text", [None], {"a": 1}, float("nan"), 10**400]


def write(folder, content):
    (folder / "config.json").write_text(json.dumps(content), "utf-8")
    (folder / "best.keras").touch()
    return folder


def places(content, above=()):
    """The path of each value in it."""
    yield above
    inner = content.items() if isinstance(content, dict) else ()
    for key, value in enumerate(content) if isinstance(content, list | tuple) else inner:
        yield from places(value, (*above, key))


def changed(place, value):
    if not place:
        return value
    content = copy.deepcopy(RECORD)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return content


def used(record):
    """What every command reads of a record."""
    TrainConfig.from_json(record["config"] | {"data": "synthetic"})
    run_classes(record)
    sizes = record.get("image_sizes")
    if sizes is not None:
        sizes["largest"][0] + sizes["smallest"][1]
    sum(record["class_weights"] or ())


def test_what_was_written_is_read(tmp_path):
    record = read_run(write(tmp_path, RECORD))
    assert record == RECORD
    used(record)
    packed = changed(("config", "data"), None)
    used(read_run(write(tmp_path, packed)))


def test_each_wrong_value_is_one_line_or_harmless(tmp_path):
    refused = 0
    for place in places(RECORD):
        for value in WRONG:
            try:
                record = read_run(write(tmp_path, changed(place, value)))
                if record is not None:
                    used(record)
            except UserError as error:
                assert "\n" not in str(error)
                refused += 1
    assert refused > 250


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("classes", 1, "colour", 2), "6", "`classes.1.colour.2` in .* must be a whole number"),
        (("classes", 0), {"name": "a"}, "`classes.0.colour` in .* must be there"),
        (("image_sizes", "largest"), [1], "`image_sizes.largest` in .* must be a list of 2"),
        (("class_weights",), "1", "`class_weights` in .* must be a list"),
        (("config", "epochs"), 1.5, "`epochs` in `config` of .*config.json must be a whole num"),
        (("config", "val_share"), "0.1", "`val_share` in .* must be a finite number"),
        (("config",), [], "`config` in .* must be a table"),
    ],
)
def test_the_place_is_named(tmp_path, place, value, words):
    with pytest.raises(UserError, match=words):
        read_run(write(tmp_path, changed(place, value)))


@pytest.mark.parametrize("content", [[], None, 1.5, "a", True])
def test_no_object_at_all(tmp_path, content):
    with pytest.raises(UserError, match="must hold a JSON object"):
        read_run(write(tmp_path, content))


@pytest.mark.parametrize("value", ["1" + "0" * 400, "true", '"1"', "[]", "NaN", "Infinity", "0"])
def test_a_temperature_that_is_none(tmp_path, value):
    (tmp_path / "a.json").write_text(f'{{"temperature": {value}}}', "utf-8")
    with pytest.raises(UserError, match="`temperature` in .*a.json must be a number above 0"):
        temperature_of(tmp_path / "a.keras")
