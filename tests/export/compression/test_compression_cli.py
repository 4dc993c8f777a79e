"""`--qat`, `--prune`, `--cluster` and `--debug` of export/exporter.py: files, reports, refusals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_models

from segnet_tf.cli.main import main
from segnet_tf.export.checks import agreement
from segnet_tf.export.compression import finetune

ROOT = Path(__file__).resolve().parents[3]

REFUSED = {
    "qat of a float file": (["--float32", "--qat", 2], "(--qat) trains a model for int8"),
    "no epochs": (["--int8", "--qat", 0], "`qat` (--qat) must be at least 1"),
    "nothing pruned": (["--int8", "--prune", 0], "`prune` (--prune) must be a share"),
    "all pruned": (["--int8", "--prune", 1], "Received: 1."),
    "pruned by percent": (["--int8", "--prune", 50], "Received: 50."),
    "no number": (["--int8", "--prune", "nan"], "`prune` (--prune) must be a share"),
    "one cluster": (["--int8", "--cluster", 1], "`cluster` (--cluster) must be 2 to 256"),
    "too many clusters": (["--int8", "--cluster", 257], "`cluster` (--cluster) must be 2 to 256"),
    "zero and one more": (["--int8", "--prune", 0.5, "--cluster", 2], "(--cluster) must be 3 or"),
    "clusters torn": (["--int8", "--qat", 1, "--cluster", 8], "(--cluster) cannot be combined"),
    "epochs of nothing": (["--int8", "--fine-tune-epochs", 2], "(--fine-tune-epochs) is how"),
    "no fine-tuning": (
        ["--int8", "--prune", 0.5, "--fine-tune-epochs", 0],
        "`epochs` (--fine-tune-epochs) must be at least 1",
    ),
    "other ranges": (["--int8", "--qat", 1, "--ranges", "r.json"], "(--ranges) must not go"),
    "two sizes": (
        ["--int8", "--prune", 0.5, "--input-size", "32x48", "64x96"],
        "`--input-size` must be one size with",
    ),
    "debug of a float file": (["--float16", "--debug"], "`debug` (--debug) shows what each layer"),
}


def refused(capsys, *arguments):
    assert main(["export", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("segnet-tf: "), error
    return error


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_combination_is_one_line(run, tmp_path, capsys, case):
    arguments, words = REFUSED[case]
    output = ["--model", run, "--output", tmp_path / "f.tflite"]
    assert words in refused(capsys, *arguments, *output)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("option", [["--qat", 1], ["--prune", 0.5], ["--cluster", 8]])
def test_without_training_data_it_is_one_line(run, tmp_path, capsys, option):
    model = tmp_path / "net.keras"
    shutil.copy(run / "best.keras", model)
    error = refused(capsys, "--int8", *option, "--model", model)
    assert "`data` must be given for" in error and "--data DIR" in error
    assert [path.name for path in tmp_path.iterdir()] == ["net.keras"]


def test_what_cannot_be_int8_is_refused_before_it_is_trained(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(finetune, "fit", None)
    model = tmp_path / "basic.keras"
    tiny_models.build("segnet_basic", num_classes=11).save(model)
    options = ["--data", "synthetic:8", "--model", model, "--prune", 0.5]
    error = refused(capsys, "--int8", *options)
    assert "LocalResponseNormalization" in error and "normalization='signed'" in error
    assert [path.name for path in tmp_path.iterdir()] == ["basic.keras"]


def exported(run, tmp_path, *options):
    arguments = ["--model", run, "--output", tmp_path / "f.tflite", "--json", tmp_path / "r.json"]
    arguments += ["--max-drop", 100, *options]
    if "--int8" in options:
        arguments += ["--calibration-images", 2]
    assert main(["export", *map(str, arguments)]) == 0
    # Checkpoints are gone once the file is there.
    assert {path.name for path in tmp_path.iterdir()} == {"f.tflite", "r.json"}
    return json.loads((tmp_path / "r.json").read_text())


@pytest.mark.slow
def test_pruned_and_trained_for_int8_with_a_table_of_errors(run, tmp_path, fast, capsys):
    report = exported(
        run, tmp_path, "--int8", "--prune", 0.5, "--fine-tune-epochs", 1, "--qat", 1, "--debug"
    )
    assert report["format"] == "int8" and report["failures"] == []
    assert all(count["wrong"] == 0 for count in report["masks"]["runtimes"].values())
    facts = report["compression"]
    assert facts["prune"] == 0.5 and facts["qat_epochs"] == facts["fine_tune_epochs"] == 1
    assert facts["zeros"] == pytest.approx(0.5, abs=0.01)
    lost = facts["original_mean_iou"] - report["scores"]["tflite_mean_iou"]
    assert facts["lost_mean_iou"] == pytest.approx(lost)
    added = [row["added"] for row in report["layer_errors"]]
    assert added == sorted(added, reverse=True)
    said = capsys.readouterr().out
    assert "50.0 % of the Conv2D weights are 0" in said and "signal/noise" in said


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["--float32", "--float16"])
def test_other_formats_can_be_pruned(run, tmp_path, fast, kind):
    report = exported(run, tmp_path, kind, "--prune", 0.5, "--fine-tune-epochs", 1)
    assert report["format"] == kind[2:] and report["compression"]["zeros"] > 0.49


@pytest.mark.slow
def test_a_file_that_lost_too_much_is_not_written_but_its_training_is_kept(
    run, tmp_path, fast, capsys, monkeypatch
):
    monkeypatch.setattr(agreement, "mean_iou", lambda *arguments: 1.0)
    options = ["--int8", "--prune", 0.5, "--fine-tune-epochs", 1, "--model", run]
    options += ["--output", tmp_path / "f.tflite", "--calibration-images", 2]
    assert main(["export", *map(str, options)]) == 1
    assert "points of mIoU lost to the model before" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == [".f.tflite.prune.npz"]
    monkeypatch.setattr(finetune, "_save", None)  # nothing is trained again
    assert main(["export", *map(str, [*options, "--max-drop", 100])]) == 0
    assert "going on after epoch 1" in capsys.readouterr().err


@pytest.mark.slow
def test_killed_in_the_middle_it_ends_at_the_same_file(run, tmp_path):
    def arguments(name):
        command = [sys.executable, str(ROOT / "export" / "tflite.py"), "--int8", "--qat", "4"]
        command += ["--model", str(run), "--calibration-images", "2", "--max-drop", "100"]
        return [*command, "--output", str(tmp_path / name)]

    whole = subprocess.run(arguments("whole.tflite"), capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    with subprocess.Popen(arguments("cut.tflite"), stderr=subprocess.PIPE, text=True) as child:
        for line in child.stderr:
            if line.startswith("qat: epoch 2"):
                os.kill(child.pid, signal.SIGKILL)
                break
    assert not (tmp_path / "cut.tflite").exists()
    again = subprocess.run(arguments("cut.tflite"), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "going on after epoch" in again.stderr and "qat: epoch 1 of" not in again.stderr
    assert (tmp_path / "cut.tflite").read_bytes() == (tmp_path / "whole.tflite").read_bytes()
