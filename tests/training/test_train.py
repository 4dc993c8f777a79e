"""Training runs: what the folder holds, what decides the weights, how a run fails."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tiny_run
from PIL import Image

from segnet_tf import models
from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.training import epoch_log
from segnet_tf.training.run_training import train


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch):
    monkeypatch.setattr(models, "build", tiny_run.build)


@pytest.fixture
def no_pictures(monkeypatch):
    tiny_run.without_pictures(monkeypatch)


def test_run_folder(tmp_path, capsys):
    run = tmp_path / "runs" / "first"
    summary = train(tiny_run.config(epochs=2, class_weights="enet"), run)
    assert sorted(path.name for path in run.iterdir()) == [
        "best.keras",
        "config.json",
        "confusion.png",
        "curves.png",
        "last.keras",
        "log.csv",
        "predictions.png",
        "scores.json",
    ]
    for name in ("confusion.png", "curves.png", "predictions.png"):
        with Image.open(run / name) as picture:
            assert min(picture.size) > 100
    record = json.loads((run / "config.json").read_text())
    assert TrainConfig.from_json(record["config"]) == tiny_run.config(
        epochs=2, class_weights="enet"
    )
    assert (record["training_images"], record["steps_per_epoch"]) == (5, 2)
    assert [entry["name"] for entry in record["classes"]][:2] == ["Sky", "Building"]
    assert len(record["class_weights"]) == record["num_classes"] == 11
    assert set(record["versions"]) == {"python", "segnet_tf", "tensorflow", "keras", "numpy"}
    rows = epoch_log.read_log(run / "log.csv")
    assert [row["epoch"] for row in rows] == [1, 2]
    scores = json.loads((run / "scores.json").read_text())
    assert scores == summary
    # The log's best epoch and the scores of best.keras were computed apart.
    assert scores["mean_iou"] == pytest.approx(epoch_log.best_score(rows), abs=1e-6)
    printed = capsys.readouterr().out.splitlines()
    first = next(line for line in printed if line.startswith("epoch 1/2"))
    assert first.startswith("epoch 1/2  loss ") and "ETA" in first
    # For inference only: it loads with no word on losses, and carries no optimizer.
    best = keras.models.load_model(run / "best.keras")
    assert not best.compiled and best.input_shape == (None, None, None, 3)
    with pytest.raises(UserError, match="--overwrite"):
        train(tiny_run.config(), run)


@pytest.mark.slow
def test_overwrite_leaves_other_files(tmp_path, no_pictures):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="new or empty"):
        train(tiny_run.config(epochs=1), tmp_path)
    train(tiny_run.config(epochs=1), tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "scores.json").exists()


@pytest.mark.slow
def test_minutes_become_epochs_of_the_same_run(tmp_path, no_pictures, capsys):
    train(tiny_run.config(minutes=1e-6), tmp_path / "timed")
    record = json.loads((tmp_path / "timed" / "config.json").read_text())
    # Without the minutes: who trains that configuration again gets the same run.
    assert (record["config"]["epochs"], record["config"]["minutes"]) == (1, None)
    assert "--epochs 1" in capsys.readouterr().out
    train(tiny_run.config(epochs=1), tmp_path / "plain")
    timed, plain = (tiny_run.saved_arrays(tmp_path / d / "last.keras") for d in ("timed", "plain"))
    # The steps that were timed left no trace in weights, seeds or optimizer.
    assert tiny_run.same(timed, plain)


@pytest.mark.slow
def test_initial_weights_and_average(tmp_path, no_pictures):
    first = tmp_path / "first"
    train(tiny_run.config(epochs=1), first)
    run = tmp_path / "second"
    momentum = 0.75
    train(
        tiny_run.config(
            epochs=1, ema=momentum, initial_weights=str(first), limit_train=2, schedule="constant"
        ),
        run,
    )
    start = tiny_run.saved_arrays(first / "best.keras")
    raw, best = (tiny_run.saved_arrays(run / name) for name in ("last.keras", "best.keras"))
    kernel = "layers/conv2d/vars/0"
    # One step was made, and an average begins at the weights after it.
    assert not np.array_equal(raw[kernel], start[kernel])
    np.testing.assert_array_equal(best[kernel], raw[kernel])
    train(
        tiny_run.config(epochs=1, ema=momentum, limit_train=4, schedule="constant", seed=1),
        tmp_path / "third",
    )
    raw = tiny_run.saved_arrays(tmp_path / "third" / "last.keras")
    best = tiny_run.saved_arrays(tmp_path / "third" / "best.keras")
    averages = [name for name in raw if name.startswith("optimizer")]
    # best.keras is the average that the optimizer carried, last.keras is not.
    assert any(
        raw[name].shape == best[kernel].shape and np.array_equal(raw[name], best[kernel])
        for name in averages
    )
    assert not np.array_equal(raw[kernel], best[kernel])


@pytest.mark.slow
def test_weights_of_other_classes_start_all_but_the_last_layer(tmp_path, no_pictures, capsys):
    other = tiny_run.build("x", 5)
    other.save(tmp_path / "other.keras")
    start = tiny_run.config(
        initial_weights=str(tmp_path / "other.keras"), epochs=1, learning_rate=1e-30
    )
    train(start, tmp_path / "run")
    assert "fresh: logits" in capsys.readouterr().out
    trained = keras.models.load_model(tmp_path / "run" / "best.keras")
    kernel, bias = trained.get_layer("features").get_weights()
    np.testing.assert_array_equal(kernel, other.get_layer("features").kernel)
    assert trained.get_layer("logits").kernel.shape[-1] == 11


def test_weights_of_another_network_are_refused(tmp_path):
    image = keras.Input((None, None, 3))
    other = keras.Model(image, keras.layers.Conv2D(11, 1, name="other")(image))
    other.save(tmp_path / "other.keras")
    with pytest.raises(UserError, match="`initial_weights` must be of the same .* no layer fits"):
        train(tiny_run.config(initial_weights=str(tmp_path / "other.keras")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_two_classes_with_one_logit(tmp_path, no_pictures):
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
        for i in range(2):
            mask = rng.integers(0, 2, (32, 32)).astype(np.uint8)
            image = np.repeat(mask[..., None] * 200, 3, axis=2).astype(np.uint8)
            Image.fromarray(mask).save(tmp_path / "data" / split / "masks" / f"{i}.png")
            Image.fromarray(image).save(tmp_path / "data" / split / "images" / f"{i}.png")
    (tmp_path / "data" / "classes.json").write_text(json.dumps(["dark", "light"]))
    config = TrainConfig(
        data=str(tmp_path / "data"),
        loss="binary",
        batch_size=2,
        epochs=40,
        learning_rate=0.05,
        augment="none",
        val_every=40,
        train_split="train+val",
    )
    summary = train(config, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (record["num_classes"], record["training_images"]) == (1, 4)
    assert list(summary["per_class_iou"]) == ["dark", "light"]
    # Bright pixels are "light": a network of 300 weights finds that out.
    assert summary["mean_iou"] > 0.95


@pytest.mark.slow
def test_mixed_precision_leaves_a_float32_file(tmp_path, no_pictures):
    train(tiny_run.config(epochs=1, mixed_precision="bfloat16"), tmp_path / "run")
    best = keras.models.load_model(tmp_path / "run" / "best.keras")
    assert best.get_layer("features").compute_dtype == "float32"
    last = keras.models.load_model(tmp_path / "run" / "last.keras", compile=False)
    assert last.get_layer("features").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_images_must_fit_the_depth(tmp_path, monkeypatch):
    monkeypatch.undo()  # the real network
    with pytest.raises(UserError, match=r"`crop` must be a size.*8x8"):
        train(TrainConfig(data="synthetic:4", crop=(8, 8)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nan_stops_the_run(tmp_path, no_pictures):
    with pytest.raises(UserError, match="`loss` must stay finite"):
        train(tiny_run.config(learning_rate=1e30, clip_norm=0.0, warmup=1.5), tmp_path / "run")


def test_a_damaged_image_is_found_before_the_old_run_is_removed(tmp_path):
    for split in ("train", "val"):
        for folder in ("images", "masks"):
            (tmp_path / "data" / folder / split).mkdir(parents=True)
        for number in range(4):
            for folder, mode in (("images", "RGB"), ("masks", "L")):
                file = tmp_path / "data" / folder / split / f"{number}.png"
                Image.new(mode, (32, 32)).save(file)
    (tmp_path / "data" / "classes.txt").write_text("background\nroad\n")
    damaged = tmp_path / "data" / "images" / "train" / "3.png"
    damaged.write_bytes(damaged.read_bytes()[:40])
    run = tmp_path / "run"
    run.mkdir()
    (run / "best.keras").write_bytes(b"hours of training")
    config = tiny_run.config(data=str(tmp_path / "data"), size=None, class_weights="none")
    with pytest.raises(UserError, match=r"3\.png"):
        train(config, run, overwrite=True)
    assert (run / "best.keras").read_bytes() == b"hours of training"
