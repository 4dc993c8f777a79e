"""A run that is cut off and resumed ends at the bits of the run that was not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_run

from segnet_tf import models
from segnet_tf.cli.main import main
from segnet_tf.errors import UserError
from segnet_tf.system import locks
from segnet_tf.training import callbacks, epoch_log
from segnet_tf.training.run_training import resume, train

VARIANTS = {
    "adamw": {"val_every": 2},
    "sgd, ema, float16, poly": {
        "optimizer": "sgd",
        "ema": 0.7,
        "mixed_precision": "float16",
        "schedule": "poly",
        "warmup": 1.0,
    },
    # 3 steps an epoch: the second execution has one of them.
    "two steps an execution, float16": {
        "data": "synthetic:7",
        "mixed_precision": "float16",
        "steps_per_execution": 2,
    },
}


class Cut(Exception):
    pass


def cut():
    raise Cut


def log_of(run):
    """The rows of log.csv as text, without the seconds, which are not repeatable."""
    rows = [line.split(",") for line in (run / "log.csv").read_text().splitlines()]
    assert rows[0][-1] == "seconds"
    return [row[:-1] for row in rows]


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch):
    monkeypatch.setattr(models, "build", tiny_run.build)
    tiny_run.without_pictures(monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Unbroken runs, by variant, each trained once."""
    made = {}

    def of(variant):
        if variant not in made:
            made[variant] = tmp_path_factory.mktemp("runs") / "whole"
            train(tiny_run.config(**VARIANTS[variant]), made[variant])
        return made[variant]

    return of


def assert_same_run(run, expected):
    for name in ("last.keras", "best.keras"):
        assert tiny_run.same(
            tiny_run.saved_arrays(run / name), tiny_run.saved_arrays(expected / name)
        ), name
    assert log_of(run) == log_of(expected)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_cut_within_an_epoch(variant, whole, tmp_path, monkeypatch):
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(callbacks, "SeedEpoch", tiny_run.break_after(2 * tiny_run.STEPS + 1, cut))
        with pytest.raises(Cut):
            train(tiny_run.config(**VARIANTS[variant]), run)
    assert not (run / "scores.json").exists()
    # A kill between the log and the checkpoint leaves a row too many, here with a best that
    # never was.
    header = (run / "log.csv").read_text().splitlines()[0].split(",")
    fake = ["3" if name == "epoch" else "1.0" for name in header]
    with open(run / "log.csv", "a") as log:
        log.write(",".join(fake) + "\n")
    resume(run)
    assert_same_run(run, whole(variant))
    scores = json.loads((run / "scores.json").read_text())
    expected = json.loads((whole(variant) / "scores.json").read_text())
    assert scores["per_class_iou"] == expected["per_class_iou"]


@pytest.mark.slow
def test_best_is_not_the_last_only(whole):
    # Otherwise the comparisons of best.keras above would not notice a wrong best score.
    rows = epoch_log.read_log(whole("adamw") / "log.csv")
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [epoch_log.MONITOR in row for row in rows] == [False, True, True]


@pytest.mark.slow
def test_cut_in_the_first_epoch_starts_again(whole, tmp_path, monkeypatch):
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(callbacks, "SeedEpoch", tiny_run.break_after(1, cut))
        with pytest.raises(Cut):
            train(tiny_run.config(**VARIANTS["adamw"]), run)
    assert not (run / "last.keras").exists()
    resume(run)
    assert_same_run(run, whole("adamw"))


@pytest.mark.parametrize(
    "name", ["adamw", pytest.param("two steps an execution, float16", marks=pytest.mark.slow)]
)
def test_kill_minus_nine(name, whole, tmp_path):
    run = tmp_path / "run"
    variant = json.dumps(VARIANTS[name])
    done = subprocess.run(
        [sys.executable, tiny_run.__file__, str(run), str(tiny_run.STEPS + 1), variant],
        env={**os.environ, "PYTHONPATH": str(Path(tiny_run.__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert main(["train", "--resume", str(run)]) == 0
    assert_same_run(run, whole(name))


def test_a_finished_run_gets_its_reports_again(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole("adamw"), run)
    (run / "scores.json").unlink()
    resume(run)
    assert (run / "scores.json").exists()
    assert_same_run(run, whole("adamw"))


def test_other_data_is_refused(whole, tmp_path):
    with pytest.raises(UserError, match=r"training_images=5\. Received: 7"):
        resume(whole("adamw"), data="synthetic:7")
    with pytest.raises(UserError, match="no config.json"):
        resume(tmp_path)
    run = tmp_path / "run"
    shutil.copytree(whole("adamw"), run)
    record = json.loads((run / "config.json").read_text())
    record["fingerprints"]["val"]["labels"][0] = "0" * 32
    (run / "config.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="other labels in its images to validate on"):
        resume(run)
    record["fingerprints"]["train"] = 3
    (run / "config.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="other number of images in its images to train on"):
        resume(run)


def test_a_run_that_another_process_trains_is_refused(whole, capsys):
    run = whole("adamw")
    with locks.only_writer(run, "output"):
        for option in (["--resume", str(run)], ["--output", str(run), "--overwrite"]):
            assert main(["train", "--data", "synthetic:5", *option]) == 2
            error = capsys.readouterr().err
            assert f"held by process {os.getpid()} " in error and error.count("\n") == 1


@pytest.mark.parametrize("name", ["log.csv", "best.keras"])
def test_a_run_that_lost_its_best_score_is_refused(name, whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole("adamw"), run)
    (run / name).unlink()
    with pytest.raises(UserError, match=f"`resume` needs .*{name}"):
        resume(run)


def test_a_damaged_checkpoint_is_named(whole, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(whole("adamw"), run)
    content = (run / "last.keras").read_bytes()
    (run / "last.keras").write_bytes(content[: len(content) // 2])
    assert main(["train", "--output", str(run), "--resume"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("segnet-tf: ") and "last.keras" in error
