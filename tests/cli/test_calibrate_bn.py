"""`segnet-tf calibrate-bn`: what it writes, what it says, how it refuses."""

from __future__ import annotations

import json

import data_trees
import keras
import numpy as np
import pytest
import tiny_run

from segnet_tf import models
from segnet_tf.cli import calibrate_bn
from segnet_tf.cli.main import main
from segnet_tf.data import open_samples
from segnet_tf.runs import records
from segnet_tf.runs.checkpoints import load_model, read_record
from segnet_tf.system.json_files import write_json
from segnet_tf.training.run_training import train


@pytest.fixture
def run(tmp_path):
    """The folder of a run, as far as it is read here, without the time to train it."""
    folder = tmp_path / "run"
    folder.mkdir()
    tiny_run.build("x", 11).save(folder / "best.keras")
    config = tiny_run.config()
    samples = open_samples(config.data, "train", size=config.size)
    record = records.describe(config, samples, samples, 11, None, ((32, 32), (32, 32)))
    write_json(folder / "config.json", record)
    return folder


def spoiled(path):
    """The same network as a user has it who forgot the statistics."""
    model = load_model(path)
    norm = model.get_layer("norm")
    norm.moving_mean.assign(np.full(norm.moving_mean.shape, 3.0))
    norm.moving_variance.assign(np.full(norm.moving_variance.shape, 400.0))
    model.save(path)


def refused(capsys, arguments):
    assert main(["calibrate-bn", *map(str, arguments)]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1 and "Received: " in error
    return error


@pytest.mark.slow
def test_a_run_gets_its_score_back(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(models, "build", tiny_run.build)
    tiny_run.without_pictures(monkeypatch)
    run = tmp_path / "run"
    train(tiny_run.config(data="synthetic:16", epochs=12), run)
    good = json.loads((run / "scores.json").read_text())["mean_iou"]
    spoiled(run / "best.keras")
    before = (run / "best.keras").read_bytes()
    report = tmp_path / "report.json"
    assert main(["calibrate-bn", "--model", str(run), "--json", str(report)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(report.read_text())
    bad, mended = found["before"]["mean_iou"], found["after"]["mean_iou"]
    assert bad < good - 0.05 and mended > good - 0.03
    assert (found["layers"], found["images"], found["data"]) == (1, 16, "synthetic train")
    assert f"before {100 * bad:.2f} %, after {100 * mended:.2f} % (4 images" in printed
    # best.keras is what it was; the new file knows its run, and is taken only when it is named.
    assert (run / "best.keras").read_bytes() == before
    assert not (run / "calibrated.json").exists()
    assert read_record(run / "calibrated.keras") == read_record(run)
    scores = tmp_path / "scores.json"
    command = ["evaluate", "--data", "synthetic:16", "--json", str(scores), "--overwrite"]
    for model, score in ((run / "calibrated.keras", mended), (run, bad)):
        assert main([*command, "--model", str(model)]) == 0
        assert json.loads(scores.read_text())["mean_iou"] == score
    # A second one needs --overwrite, and is the same.
    first = tiny_run.saved_arrays(run / "calibrated.keras")
    assert "(--overwrite)" in refused(capsys, ["--model", run])
    assert main(["calibrate-bn", "--model", str(run), "--overwrite"]) == 0
    assert tiny_run.same(first, tiny_run.saved_arrays(run / "calibrated.keras"))


def test_a_file_elsewhere_says_which_run_it_is_of(run, tmp_path, capsys):
    output = tmp_path / "mine.keras"
    command = ["calibrate-bn", "--model", str(run), "--output", str(output)]
    assert main([*command, "--batch-size", "3", "--limit", "5"]) == 0
    assert read_record(output) == read_record(run)
    assert refused(capsys, command[1:]).count("mine.keras") == 1
    output.unlink()
    assert "mine.json" in refused(capsys, command[1:])
    assert not output.exists()


def test_a_bare_file_takes_data(run, tmp_path, capsys):
    bare = tmp_path / "bare" / "net.keras"
    bare.parent.mkdir()
    bare.write_bytes((run / "best.keras").read_bytes())
    command = ["--model", bare, "--output", tmp_path / "out.keras"]
    assert "Pass --data DIR" in refused(capsys, command)
    assert "Pass --output" in refused(capsys, ["--model", bare, "--data", "synthetic:4"])
    assert main(["calibrate-bn", *map(str, command), "--data", "synthetic:4"]) == 0
    assert "over 4 images" in capsys.readouterr().out
    assert not (tmp_path / "out.json").exists()


def test_what_it_cannot_take(run, tmp_path, capsys):
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Conv2D(11, 1)(image)).save(tmp_path / "none.keras")
    bands = keras.Input((None, None, 5))
    x = keras.layers.BatchNormalization()(bands)
    keras.Model(bands, keras.layers.Conv2D(11, 1)(x)).save(tmp_path / "bands.keras")
    (tmp_path / "a.tflite").touch()
    output = tmp_path / "out.keras"
    data_trees.make_camvid(tmp_path / "camvid")
    for model, why in (("none", "batch normalization"), ("bands", "channels")):
        file = tmp_path / f"{model}.keras"
        command = ["--model", file, "--data", tmp_path / "camvid", "--output", output]
        assert why in refused(capsys, command)
    assert "a .keras file" in refused(capsys, ["--model", run, "--output", tmp_path / "out.h5"])
    command = ["--model", tmp_path / "a.tflite", "--data", "synthetic:4", "--output", output]
    assert "a.tflite" in refused(capsys, command)
    (tmp_path / "nothing").mkdir()
    assert "best.keras" in refused(capsys, ["--model", tmp_path / "nothing"])
    assert not list(tmp_path.glob("*out*"))


def test_a_new_run_takes_the_old_one_s_file_away():
    assert calibrate_bn.NAME in records.RUN_FILES
