"""Which run folders a comparison takes, goes on with, or refuses."""

from __future__ import annotations

import dataclasses

import pytest
import tiny_run

from segnet_tf.comparison.run_state import run_state
from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.system import locks
from segnet_tf.system.json_files import read_json, write_json

CONFIG = TrainConfig(data="folder", model="segnet_mini", epochs=5, warmup=1.0)


def run(folder, config, finished=False):
    """The files of a run, without training."""
    folder.mkdir()
    record = tiny_run.record_of(3, (32, 32)) | {"config": config.to_json()}
    write_json(folder / "config.json", record)
    if finished:
        write_json(folder / "scores.json", {})
    return folder


def test_a_folder_is_new_unfinished_or_finished(tmp_path):
    assert run_state(tmp_path / "none", CONFIG) == "new"
    (tmp_path / "empty").mkdir()
    assert run_state(tmp_path / "empty", CONFIG) == "new"
    (tmp_path / "empty" / locks.LOCK).touch()  # of a process that was killed
    assert run_state(tmp_path / "empty", CONFIG) == "new"
    assert run_state(run(tmp_path / "cut", CONFIG), CONFIG) == "unfinished"
    assert run_state(run(tmp_path / "done", CONFIG, finished=True), CONFIG) == "finished"


@pytest.mark.parametrize(
    "changes",
    [
        {"data": "elsewhere/folder"},  # moved
        {"minutes": 25.0, "epochs": 30},  # a run's record has the epochs that these held
        {"minutes": 25.0, "epochs": 30, "warmup": 1.0},
        {"mixed_precision": "auto"},  # resolved
    ],
)
def test_what_a_run_resolves_is_no_difference(changes, tmp_path):
    wanted = dataclasses.replace(CONFIG, **changes)
    assert run_state(run(tmp_path / "run", CONFIG), wanted) == "unfinished"


def test_a_field_that_came_after_the_run_had_its_default_then(tmp_path):
    older = run(tmp_path / "run", CONFIG, finished=True)
    record = read_json(older / "config.json")
    del record["config"]["decay"], record["config"]["image_range"]
    write_json(older / "config.json", record)
    assert run_state(older, CONFIG) == "finished"
    wanted = dataclasses.replace(CONFIG, image_range=4095)
    with pytest.raises(UserError, match="`image_range` of .* be 4095.*Received: None") as error:
        run_state(older, wanted)
    assert "\n" not in str(error.value)


def test_minutes_that_held_one_epoch_shorten_its_warmup(tmp_path):
    found = dataclasses.replace(CONFIG, epochs=1, warmup=0.5)
    wanted = dataclasses.replace(CONFIG, minutes=1.0)
    assert run_state(run(tmp_path / "run", found), wanted) == "unfinished"


def test_lists_of_a_file_are_tuples_of_a_call(tmp_path):
    found = dataclasses.replace(CONFIG, model_options={"widths": [4, 4]})
    wanted = dataclasses.replace(CONFIG, model_options={"widths": (4, 4)})
    assert run_state(run(tmp_path / "run", found), wanted) == "unfinished"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 6),
        ("learning_rate", 0.5),
        ("seed", 1),
        ("model", "segnet"),
        ("model_options", {"widths": [4]}),
        ("mixed_precision", "bfloat16"),
        ("data", "synthetic:9"),
    ],
)
def test_another_configuration_is_refused(field, value, tmp_path):
    wanted = dataclasses.replace(CONFIG, **{field: value})
    with pytest.raises(UserError, match=f"`{field}` of the run in .*run must be") as error:
        run_state(run(tmp_path / "run", CONFIG, finished=True), wanted)
    assert "\n" not in str(error.value)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(UserError, match="must hold runs"):
        run_state(tmp_path, CONFIG)
