"""Which run a model belongs to: never that of a file that only happens to lie near it."""

from __future__ import annotations

import json

import pytest
from tiny_run import record_of

from segnet_tf.runs.checkpoints import read_record
from segnet_tf.runs.records import bounds_of


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
