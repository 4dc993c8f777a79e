"""Which run a model belongs to: never that of a file that only happens to lie near it."""

from __future__ import annotations

import json

import data_trees
import pytest
import tiny_run
from tiny_run import record_of

from segnet_tf import models
from segnet_tf.data import Classes
from segnet_tf.errors import UserError
from segnet_tf.export.sources import open_source
from segnet_tf.inference.evaluation import evaluate
from segnet_tf.runs.checkpoints import read_record
from segnet_tf.runs.records import bounds_of, require_same_order
from segnet_tf.runs.splits import open_split
from segnet_tf.training.run_training import resume, train


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("best.keras", "last.keras", "model_int8.tflite", "mine.tflite"):
        (folder / name).touch()
    (folder / "config.json").write_text(json.dumps(record_of(3, (8, 8))))
    return folder


@pytest.mark.parametrize(
    "name", ["", "best.keras", "last.keras", "model_int8.tflite", "mine.tflite"]
)
def test_a_run_and_its_own_files_belong_together(run, name, monkeypatch):
    assert read_record(run / name)["num_classes"] == 3
    assert read_record(run / "config.json")["num_classes"] == 3
    monkeypatch.chdir(run)
    if name:
        assert read_record(name)["num_classes"] == 3


def test_a_packed_model_has_its_own_file_beside_it(run, tmp_path):
    (tmp_path / "handed_on.keras").touch()
    assert read_record(tmp_path / "handed_on.keras") is None
    (tmp_path / "handed_on.json").write_text(json.dumps(record_of(5, (8, 8))))
    assert read_record(tmp_path / "handed_on.keras")["num_classes"] == 5
    # The JSON report of an export has that name too, and is no record.
    (run / "model_int8.json").write_text('{"format": "int8"}')
    assert read_record(run / "model_int8.tflite")["num_classes"] == 3


def test_a_record_nearby_is_no_model_s(run, tmp_path, monkeypatch):
    monkeypatch.chdir(run)
    assert read_record("my model") is None  # no such file
    # A folder that only holds a configuration is no run, so its files are not of one.
    loose = tmp_path / "loose"
    loose.mkdir()
    (loose / "config.json").write_text((run / "config.json").read_text())
    (loose / "other.keras").touch()
    assert read_record(loose / "other.keras") is None
    monkeypatch.chdir(loose)
    assert read_record("other.keras") is None
    assert read_record("absent.keras") is None


def test_bounds_are_by_area():
    assert bounds_of([(9, 9), (1, 50), (30, 3), (2, 2)]) == ((2, 2), (30, 3))


@pytest.mark.parametrize(
    ("names", "is_refused"),
    [
        (("n0", "n1", "n2"), False),
        (("N0", "n1", "N2"), False),  # the same ones
        (("a", "b", "c"), False),  # renamed, as far as anybody can tell
        (("n1", "n0", "n2"), True),
    ],
)
def test_classes_in_another_order_are_other_ids(names, is_refused):
    classes = Classes(names, ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
    record = record_of(3, (8, 8))
    if not is_refused:
        require_same_order(record, classes, "mydata")
        require_same_order(None, classes, "mydata")
        return
    with pytest.raises(UserError, match="n0, n1, n2. Received: n1, n0, n2 in mydata") as caught:
        require_same_order(record, classes, "mydata")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_every_step_that_opens_data_compares_the_order(tmp_path, monkeypatch):
    """Swapped classes would be scored, exported and trained on as each other, without a word."""
    monkeypatch.setattr(models, "build", tiny_run.build)
    tiny_run.without_pictures(monkeypatch)
    data = tmp_path / "data"
    for split in ("train", "val"):
        for number in range(2):
            data_trees.image(data / "images" / split / f"{number}.png", (8, 8))
            data_trees.mask(data / "masks" / split / f"{number}.png", [[0, 1] * 4] * 8)
    data_trees.names(data, "sky\ngrass\n")
    run = tmp_path / "run"
    train(tiny_run.config(data=str(data), size=None, epochs=1), run)
    data_trees.names(data, "grass\nsky\n")
    steps = (
        lambda: resume(run),
        lambda: evaluate(run, open_split(str(data), "val")),
        lambda: open_source(str(run)).samples(str(data), "val"),
    )
    for step in steps:
        with pytest.raises(UserError, match="sky, grass. Received: grass, sky in"):
            step()
