"""`segnet-tf calibrate-temperature`: what it writes, what it says, how it refuses."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tiny_run

from segnet_tf.cli import calibrate_temperature
from segnet_tf.cli.main import main
from segnet_tf.data import open_samples
from segnet_tf.runs import records
from segnet_tf.runs.checkpoints import load_model, read_record
from segnet_tf.system.json_files import write_json


@pytest.fixture
def run(tmp_path):
    """The folder of a run, as far as it is read here: a model that likes the sky."""
    folder = tmp_path / "run"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    model = tiny_run.build("x", 11)
    config = tiny_run.config()
    samples = open_samples(config.data, "val", size=config.size)
    shares = np.bincount(samples.read(0)[1].ravel(), minlength=256)[:11] / 32**2
    # Logits of a constant and of noise, four times as far apart as the classes' shares say.
    logits = model.get_layer("logits")
    kernel = np.random.default_rng(0).normal(size=logits.kernel.shape)
    logits.set_weights([0.3 * kernel, 4 * np.log(shares + 0.01)])
    model.save(folder / "best.keras")
    record = records.describe(config, samples, samples, 11, None, ((32, 32), (32, 32)))
    write_json(folder / "config.json", record)
    return folder


def called(*arguments):
    return main(["calibrate-temperature", *map(str, arguments)])


def refused(capsys, *arguments):
    assert called(*arguments) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1 and "Received: " in error
    return error


def logits_of(path):
    images = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    return load_model(path)(images).numpy()


def test_a_run(run, tmp_path, capsys):
    report = tmp_path / "report.json"
    before, record = (run / "best.keras").read_bytes(), read_record(run)
    assert called("--model", run, "--json", report) == 0
    printed, found = capsys.readouterr().out, json.loads(report.read_text())
    temperature = found["temperature"]
    assert temperature > 1 and found["data"] == "synthetic val"
    assert f"temperature   {temperature:.4f}\n" in printed
    nlls = found["before"]["nll"], found["after"]["nll"]
    assert "before {:.4f}, after {:.4f}".format(*nlls) in printed and nlls[1] < nlls[0]
    # best.keras is what it was; the new file has the temperature in it, and says so.
    assert (run / "best.keras").read_bytes() == before
    file = run / "temperature.keras"
    np.testing.assert_allclose(logits_of(file), logits_of(run) / temperature, rtol=1e-4, atol=1e-5)
    assert read_record(file) == {**record, "temperature": temperature}
    assert "temperature" not in read_record(run)
    # Every pixel was drawn, so that `evaluate` finds the same.
    scores = tmp_path / "scores.json"
    command = ["evaluate", "--data", "synthetic:5", "--calibration", "--json", str(scores)]
    assert main([*command, "--model", str(file)]) == 0
    evaluated = json.loads(scores.read_text())["calibration"]
    for name in ("nll", "ece", "brier", "accuracy"):
        assert evaluated[name] == pytest.approx(found["after"][name], rel=1e-3)
    # Once more, on top of it: nothing is left to find, and both together are known.
    assert "(--overwrite)" in refused(capsys, "--model", run)
    again = run / "again.keras"
    assert called("--model", file, "--output", again, "--temperature", 2) == 0
    assert f"2.0000, {2 * temperature:.4f} with the {temperature:.4f}" in capsys.readouterr().out
    assert read_record(again)["temperature"] == pytest.approx(2 * temperature)
    np.testing.assert_array_equal(2 * logits_of(again), logits_of(file))


def test_a_bare_file_and_a_number(run, tmp_path, capsys):
    bare = tmp_path / "bare" / "net.keras"
    bare.parent.mkdir()
    bare.write_bytes((run / "best.keras").read_bytes())
    output = tmp_path / "out.keras"
    assert "Pass --data DIR" in refused(capsys, "--model", bare, "--output", output)
    assert not list(tmp_path.glob("out*"))
    assert called("--model", bare, "--output", output, "--temperature", "4") == 0
    np.testing.assert_array_equal(4 * logits_of(output), logits_of(bare))
    assert json.loads((tmp_path / "out.json").read_text()) == {"temperature": 4.0}
    assert read_record(output) is None and records.temperature_of(output) == 4.0


def test_what_it_cannot_take(run, tmp_path, capsys):
    output = tmp_path / "out.keras"
    command = ["--model", run, "--output", output]
    for number in ("0", "-2", "nan", "inf"):
        error = refused(capsys, *command, f"--temperature={number}")
        assert "above 0" in error and f"temperature={float(number)}" in error
    assert "--data" in refused(capsys, *command, "--temperature", 2, "--data", "synthetic:4")
    assert "another file" in refused(capsys, *command, "--json", tmp_path / "out.json")
    assert ".keras file" in refused(capsys, "--model", run, "--output", tmp_path / "out.h5")
    image = keras.Input((None, None, 3))
    convolved = keras.layers.Conv2D(11, 1)(image)
    keras.Model(image, keras.layers.ReLU()(convolved)).save(tmp_path / "relu.keras")
    command = ["--output", output, "--temperature", 2]
    assert "ReLU" in refused(capsys, "--model", tmp_path / "relu.keras", *command)
    (tmp_path / "a.tflite").touch()
    assert "a.tflite" in refused(capsys, "--model", tmp_path / "a.tflite", *command)
    assert not list(tmp_path.glob("*out*"))


def test_a_new_run_takes_the_old_one_s_files_away():
    assert {calibrate_temperature.NAME, "temperature.json"} <= set(records.RUN_FILES)
