"""The steps that measure a run, on a network of a few hundred weights."""

from __future__ import annotations

import dataclasses
import json

import keras
import pytest
import tiny_run

from segnet_tf import models
from segnet_tf.comparison import measurements, measuring, training_step, worker
from segnet_tf.comparison.measurements import Job
from segnet_tf.data import open_samples
from segnet_tf.errors import UserError
from segnet_tf.export import exporter
from segnet_tf.inference.evaluation import evaluate
from segnet_tf.training.run_training import train

SIZE = (32, 32)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    run = tmp_path_factory.mktemp("row") / "seed0"
    config = tiny_run.config(epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "build", tiny_run.build)
        tiny_run.without_pictures(patch)
        train(config, run)
        yield Job("row", run, config, SIZE, ("val", "test"))


@pytest.mark.slow
def test_a_training_step_is_timed_and_weighed(job):
    before = (job.run / "best.keras").read_bytes()
    training_step.measure(job)
    found = measurements.training_step(job).result()
    assert 0 < found["seconds"] < 10
    assert 300e6 < found["peak_bytes"] < 20e9  # TensorFlow alone takes 300 MB
    assert (job.run / "best.keras").read_bytes() == before


@pytest.mark.slow
def test_a_model_that_cannot_be_exported_is_scored_and_counted(job, monkeypatch):
    def refuse(model, options):
        raise UserError(f"`x` must be y. Received: {options.format}.")

    monkeypatch.setattr(exporter, "export", refuse)
    with pytest.raises(UserError, match="must export. Received: float32: .*; int8: ") as error:
        measuring.measure(job)
    assert "\n" not in str(error.value)
    found = measurements.cost(job).result()
    # Two convolutions, 3x3x3 to 4 channels and 1x1 to 11, and a normalization's scale and shift.
    assert found["parameters"] == (27 * 4 + 4) + 2 * 4 + (4 * 11 + 11)
    assert found["macs"] == 32 * 32 * (27 * 4 + 4 * 11)
    results = {key: m.result() for key, m in measurements.scores(job).items()}
    assert [key for key, found in results.items() if found] == [("val", "keras"), ("test", "keras")]
    samples = open_samples("synthetic:5", "test", size=SIZE)
    expected = evaluate(keras.saving.load_model(job.run / "best.keras"), samples).summary
    assert results["test", "keras"]["mean_iou"] == expected["mean_iou"]
    assert results["test", "keras"]["images"] == 1


@pytest.mark.slow
def test_files_are_exported_once_and_scored(job, monkeypatch):
    job.folder.mkdir(exist_ok=True)
    job.file("int8").write_bytes(b"of earlier weights")
    measuring.measure(job)
    for form, measured in measurements.exports(job).items():
        assert measured.result()["bytes"] == job.file(form).stat().st_size
        assert measured.result()["partitions"] == 1
    scores = {key: m.result() for key, m in measurements.scores(job).items()}
    for split in job.splits:
        drop = scores[split, "keras"]["mean_iou"] - scores[split, "int8"]["mean_iou"]
        assert abs(drop) < 0.1
    for name in ("evaluate", "cost_of"):
        monkeypatch.setattr(measuring, name, None)
    monkeypatch.setattr(exporter, "export", None)
    measuring.measure(job)


@pytest.mark.parametrize("step", ["measure", "training_step"])
def test_bad_input_is_one_line_and_exit_code_2(step, job, tmp_path, capsys):
    nowhere = dataclasses.replace(
        job, run=tmp_path, config=dataclasses.replace(job.config, data=str(tmp_path / "none"))
    )
    assert worker.main([step, json.dumps(nowhere.to_json())]) == worker.REFUSED
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Received: " in error
