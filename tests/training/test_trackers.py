"""`train --tensorboard`, `--wandb`, `--mlflow`: what the trackers' own readers find is log.csv.

MLflow does not fit the pinned packages: `make mlflow-test` runs this file where it is.
"""

from __future__ import annotations

import functools
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tiny_run
from PIL import Image

from segnet_tf import models, plots
from segnet_tf.cli.main import main
from segnet_tf.config import TRACKERS, TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.runs.records import TRACKERS_FILE
from segnet_tf.training import callbacks, epoch_log
from segnet_tf.training.run_training import resume, train

# Validated after epochs 2 and 3; the average of the weights is what is drawn.
CONFIG = {"val_every": 2, "ema": 0.7}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """The tiny network, and no pictures but those that the trackers get."""
    monkeypatch.setattr(models, "build", tiny_run.build)
    for name in ("curves", "confusion"):
        monkeypatch.setattr(plots, name, lambda *arguments: Path(arguments[-1]).touch())


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run without a tracker, made once; call it where the network is replaced."""
    folder = tmp_path_factory.mktemp("plain") / "run"

    @functools.cache
    def run():
        train(tiny_run.config(**CONFIG), folder)
        return folder

    return run


def numbers(run):
    """Epoch -> the numbers of log.csv."""
    rows = epoch_log.read_log(run / "log.csv")
    return {row.pop("epoch"): row for row in rows}


def in_tensorboard(run):
    """Epoch -> numbers and pictures, by TensorBoard's own reader."""
    from tensorboard.backend.event_processing import event_accumulator

    found, pictures = {}, set()
    for part, prefix in (("train", ""), ("validation", "val_")):
        events = event_accumulator.EventAccumulator(
            str(run / "tensorboard" / part), {"tensors": 0, "images": 0}
        )
        events.Reload()
        for tag in events.Tags()["tensors"]:
            # Keras has evaluation_..._vs_iterations too, by steps.
            for event in events.Tensors(tag) if tag.startswith(("epoch_", "predictions")) else ():
                epoch = event.step + 1
                if tag == "predictions":
                    pictures.add(epoch)
                    continue
                row, name = found.setdefault(epoch, {}), prefix + tag.removeprefix("epoch_")
                assert name not in row, "an epoch is there twice"
                row[name] = float(tf.make_ndarray(event.tensor_proto))
    return found, pictures


def in_wandb(run):
    """Epoch -> numbers and pictures, out of the files that W&B would upload later.

    They are LevelDB's log format, a record being one of W&B's protocol buffers: pieces with
    checksum, length and kind (1 whole, 2 first, 3 middle, 4 last) in blocks of 32 KiB.
    """
    from wandb.proto import wandb_internal_pb2

    found, pictures = {}, set()
    files = sorted((run / "wandb").glob("offline-run-*/run-*.wandb"))
    # One before the cut, one after it, of one run.
    identity = json.loads((run / TRACKERS_FILE).read_text())["wandb"]
    assert [file.stem for file in files] == [f"run-{identity}"] * 2
    for file in files:
        data, position, record = file.read_bytes(), 7, b""
        assert data[:4] == b":W&B"
        while position + 7 <= len(data):
            if 32768 - position % 32768 < 7:
                position += 32768 - position % 32768
            _, length, kind = struct.unpack_from("<IHB", data, position)
            record += data[position + 7 : position + 7 + length]
            position += 7 + length
            if kind not in (1, 4):
                continue
            parsed, record = wandb_internal_pb2.Record.FromString(record), b""
            if parsed.WhichOneof("record_type") != "history":
                continue
            row = {
                (item.key or ".".join(item.nested_key)): json.loads(item.value_json)
                for item in parsed.history.item
            }
            row = {name: value for name, value in row.items() if not name.startswith("_")}
            if not row:
                continue
            epoch = parsed.history.step.num
            picture = {name for name in row if name.startswith("predictions")}
            if picture:
                path = row["predictions.path"]
                assert Image.open(file.parent / "files" / path).size[0] > 100
                pictures.add(epoch)
            assert epoch not in found, "an epoch is there twice"
            found[epoch] = {name: row[name] for name in row.keys() - picture}
    return found, pictures


def in_mlflow(run):
    """Epoch -> numbers and pictures, by MLflow's client."""
    import mlflow

    client = mlflow.MlflowClient()
    identity = json.loads((run / TRACKERS_FILE).read_text())["mlflow"]
    kept = client.get_run(identity)
    assert kept.info.status == "FINISHED" and kept.data.params["ema"] == "0.7"
    assert len(client.search_runs([kept.info.experiment_id])) == 1
    found = {}
    for name in kept.data.metrics:
        for metric in client.get_metric_history(identity, name):
            epoch = found.setdefault(metric.step, {})
            assert name not in epoch, "an epoch is there twice"
            epoch[name] = metric.value
    images = [item.path for item in client.list_artifacts(identity, "images")]
    steps = [int(re.search(r"step\W(\d+)", path)[1]) for path in images]
    return found, set(steps)


READERS = {"tensorboard": in_tensorboard, "wandb": in_wandb, "mlflow": in_mlflow}


def prepared(name, folder, monkeypatch):
    """Skips without the package; else leads what the tracker writes into the test's folder."""
    pytest.importorskip(name, reason=f"needs {name}: {__doc__.splitlines()[2]}")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.chdir(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRACKERS)
def test_a_run_that_was_cut_is_one_run_with_the_numbers_of_its_log(
    name, plain, tmp_path, monkeypatch, capsys
):
    prepared(name, tmp_path, monkeypatch)
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(callbacks, "SeedEpoch", tiny_run.break_after(2 * tiny_run.STEPS + 1, cut))
        with pytest.raises(Cut):
            train(tiny_run.config(**CONFIG, **{name: True}), run)
    assert "Traceback" not in capsys.readouterr().err  # what is said of the end is the command's
    resume(run)
    found, pictures = READERS[name](run)
    expected = numbers(run)
    assert found.keys() == expected.keys() == {1, 2, 3}
    for epoch, row in expected.items():
        if name == "tensorboard":  # Keras's callback has no seconds
            del row["seconds"]
        assert found[epoch].keys() == row.keys()
        np.testing.assert_allclose([found[epoch][n] for n in row], list(row.values()), rtol=1e-6)
    assert pictures == {2, 3}
    # The run is the one without.
    for file in ("last.keras", "best.keras"):
        ours, theirs = (tiny_run.saved_arrays(folder / file) for folder in (run, plain()))
        assert tiny_run.same(ours, theirs), file


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_tracker_that_fails_ends_no_run(name, tmp_path, monkeypatch, capsys):
    prepared(name, tmp_path, monkeypatch)
    module = pytest.importorskip(name)

    def fail(*arguments, **options):
        raise OSError("no route to host")

    if name == "wandb":
        monkeypatch.setattr(module.Run, "log", fail)
    else:
        monkeypatch.setattr(module, "log_metrics", fail)
    assert train(tiny_run.config(**{name: True}), tmp_path / "run")["mean_iou"] > 0
    warned = capsys.readouterr().err
    assert warned.count(f"warning: {name} has not got epoch") == 3 and "no route" in warned


@pytest.mark.slow
def test_a_store_that_does_not_know_the_run_is_one_line(tmp_path, monkeypatch, capsys):
    prepared("mlflow", tmp_path, monkeypatch)
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(callbacks, "SeedEpoch", tiny_run.break_after(tiny_run.STEPS + 1, cut))
        with pytest.raises(Cut):
            train(tiny_run.config(mlflow=True), run)
    before = (run / "last.keras").read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert main(["train", "--resume", str(run)]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "`mlflow` must be able to open the run" in said and "MLFLOW_TRACKING_URI" in said
    assert (run / "last.keras").read_bytes() == before


@pytest.mark.parametrize("name", TRACKERS)
def test_the_package_is_asked_for_before_the_run(name, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=rf"Install it \(.*--{name};"):
        train(tiny_run.config(**{name: True}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_configuration_from_before_the_trackers_is_read():
    content = tiny_run.config().to_json()
    del content["wandb"], content["mlflow"]
    assert TrainConfig.from_json(json.loads(json.dumps(content))) == tiny_run.config()


class Cut(Exception):
    pass


def cut():
    raise Cut
