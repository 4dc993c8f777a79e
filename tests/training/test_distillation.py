"""Distillation: the loss against SciPy, whole runs, and what is refused."""

from __future__ import annotations

import json
import re
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_run
from scipy.special import rel_entr, softmax

from segnet_tf import losses, models
from segnet_tf.cli.main import main
from segnet_tf.data import Classes
from segnet_tf.errors import UserError
from segnet_tf.models.deep_supervision import supervised
from segnet_tf.training import callbacks
from segnet_tf.training.distillation import open_teacher, teach
from segnet_tf.training.run_training import resume, train

CLASSES = Classes(("a", "b", "c"), ((0, 0, 0), (0, 0, 1), (0, 0, 2)))


def images_and_labels():
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    return images, rng.integers(0, 3, (2, 32, 32)).astype("uint8")


def teacher_of(seed, num_classes=3):
    keras.utils.set_random_seed(seed)
    model = tiny_run.build("tiny", num_classes)
    # Far from the even answers of fresh weights, or there would be little to learn.
    model.get_layer("logits").kernel.assign(10 * model.get_layer("logits").kernel)
    return model


def learner(network=None):
    model = network or models.unet(3, (None, None, 3), width=0.0625)
    model.compile(keras.optimizers.SGD(0.0), losses.MaskedCrossentropy())
    return model


def apart(teacher, logits):
    return rel_entr(softmax(teacher, -1), softmax(logits, -1)).sum(-1).mean()


@pytest.mark.parametrize("weight", [pytest.param(0.0, marks=pytest.mark.slow), 4.0])
def test_a_step_has_the_labels_loss_and_the_teachers_term(weight):
    images, labels = images_and_labels()
    keras.utils.set_random_seed(1)
    model, teacher = learner(), teacher_of(2)
    logits = model(images, training=True)
    plain = float(losses.MaskedCrossentropy()(labels, logits))
    term = apart(teacher.predict(images, verbose=0), logits)
    assert term > 0.1
    teach(model, teacher, weight)
    before = teacher.get_weights()
    assert model.train_on_batch(images, labels) == pytest.approx(plain + weight * term, rel=1e-4)
    # Neither trained nor a part of what is saved, in which batch statistics would move.
    assert all(map(np.array_equal, before, teacher.get_weights()))
    assert not {w.path for w in model.weights} & {w.path for w in teacher.weights}
    validation = float(losses.MaskedCrossentropy()(labels, model(images)))
    assert model.test_on_batch(images, labels) == pytest.approx(validation, rel=1e-4)


@pytest.mark.slow
def test_the_first_of_several_outputs_is_taught():
    images, labels = images_and_labels()
    options = {"widths": (2, 2, 2, 2, 2), "deep_supervision": True}
    model = learner(supervised(models.unet_plus_plus(3, (None, None, 3), **options)))
    teacher = teacher_of(2)
    prediction, *heads = model(images, training=True)
    plain = np.mean([losses.MaskedCrossentropy()(labels, head) for head in heads])
    term = apart(teacher.predict(images, verbose=0), prediction)
    teach(model, teacher, 2.0)
    assert model.train_on_batch(images, labels) == pytest.approx(plain + 2 * term, rel=1e-4)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A network of 300 weights in runs, and a teacher of its classes."""
    monkeypatch.setattr(models, "build", tiny_run.build)
    tiny_run.without_pictures(monkeypatch)
    file = tmp_path / "teacher.keras"
    teacher_of(3, 11).save(file)
    return str(file)


class Cut(Exception):
    pass


def cut():
    raise Cut


@pytest.mark.slow
def test_a_run_learns_from_its_teacher_and_is_resumed(tiny, tmp_path, monkeypatch, capsys):
    options = {"epochs": 8, "learning_rate": 0.1}
    config = tiny_run.config(teacher=tiny, teacher_weight=8.0, **options)
    train(config, tmp_path / "whole")
    assert re.search(rf"^teacher +{tiny}$", capsys.readouterr().out, re.MULTILINE)
    train(tiny_run.config(**options), tmp_path / "plain")
    images = 255 * np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    teacher = keras.saving.load_model(tiny).predict(images, verbose=0)
    found = [keras.saving.load_model(tmp_path / run / "last.keras") for run in ("plain", "whole")]
    distances = [apart(teacher, model.predict(images, verbose=0)) for model in found]
    assert distances[1] < 0.8 * distances[0]
    with monkeypatch.context() as patched:
        patched.setattr(callbacks, "SeedEpoch", tiny_run.break_after(tiny_run.STEPS + 1, cut))
        with pytest.raises(Cut):
            train(config, tmp_path / "cut")
    resume(tmp_path / "cut")
    ends = [tiny_run.saved_arrays(tmp_path / run / "last.keras") for run in ("whole", "cut")]
    assert tiny_run.same(*ends)


@pytest.mark.slow
def test_a_run_goes_on_with_its_own_teacher_only(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(callbacks, "SeedEpoch", tiny_run.break_after(tiny_run.STEPS + 1, cut))
        with pytest.raises(Cut):
            train(tiny_run.config(teacher=tiny), tmp_path / "cut")
    before = (tmp_path / "cut" / "last.keras").read_bytes()
    shutil.copy(tiny, tmp_path / "moved.keras")
    teacher_of(4, 11).save(tiny)
    with pytest.raises(UserError, match="`teacher` must be the file that the run began with"):
        resume(tmp_path / "cut")
    (tmp_path / "teacher.keras").unlink()
    with pytest.raises(UserError, match="`teacher` must be .*/teacher.keras. Say where"):
        resume(tmp_path / "cut")
    assert (tmp_path / "cut" / "last.keras").read_bytes() == before
    # The same file elsewhere will do.
    command = ["train", "--resume", str(tmp_path / "cut"), "--teacher"]
    assert main([*command, str(tmp_path / "moved.keras")]) == 0
    train(tiny_run.config(epochs=1), tmp_path / "plain")
    with pytest.raises(UserError, match="`teacher` must be left out"):
        resume(tmp_path / "plain", teacher=tiny)


def test_the_teacher_computes_in_the_precision_of_the_run(tmp_path):
    teacher_of(3).save(tmp_path / "teacher.keras")
    config = tiny_run.config(teacher=str(tmp_path / "teacher.keras"))
    images, _ = images_and_labels()
    plain = open_teacher(config, CLASSES, 3, (32, 32))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = open_teacher(config, CLASSES, 3, (32, 32))
    finally:
        keras.config.set_dtype_policy("float32")
    assert plain(images).dtype == tf.float32 and half(images).dtype == tf.bfloat16
    assert all(map(np.array_equal, plain.get_weights(), half.get_weights()))
    near = apart(plain(images).numpy(), half(images).numpy().astype("float32"))
    assert 0 < near < 0.01


def test_what_is_no_teacher_is_refused_before_a_run_is_replaced(tiny, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "best.keras").write_text("kept")
    image = keras.Input((None, None, 3))
    shares = keras.layers.Conv2D(11, 1, activation="softmax")(image)
    fixed, grey = keras.Input((64, 64, 3)), keras.Input((None, None, 1))
    for network, message in (
        (tiny_run.build("tiny", 5), "`teacher` must give logits of the 11 .* with 5 channels"),
        (keras.Model(image, shares), "`teacher` must give logits .* 11 channels of probabilities"),
        (keras.Model(fixed, keras.layers.Conv2D(11, 1)(fixed)), "`teacher` must be .* 32x32"),
        (keras.Model(image, keras.layers.Conv2D(11, 1, 2)(image)), "`teacher` .* size .* 16x16"),
        (keras.Model(grey, keras.layers.Conv2D(11, 1)(grey)), "RGB images. .* 1 channel"),
    ):
        network.save(tiny)
        with pytest.raises(UserError, match=message):
            train(tiny_run.config(teacher=tiny), run, overwrite=True)
    (tmp_path / "mobile.tflite").touch()
    for name in ("nowhere", "", str(tmp_path / "mobile.tflite"), str(run.parent)):
        with pytest.raises(UserError, match="`teacher` must be a finished run, a .keras file or"):
            train(tiny_run.config(teacher=name), run, overwrite=True)
    assert (run / "best.keras").read_text() == "kept"


def test_a_teacher_may_have_operations_for_layers(tmp_path):
    image = keras.Input((None, None, 3))
    logits = keras.layers.Conv2D(3, 3, padding="same")(keras.ops.relu(image / 255.0))
    network = keras.Model(image, logits)
    network.save(tmp_path / "teacher.keras")
    config = tiny_run.config(teacher=str(tmp_path / "teacher.keras"))
    images, _ = images_and_labels()
    found = open_teacher(config, CLASSES, 3, (32, 32))(images)
    np.testing.assert_allclose(found, network(images), atol=1e-6)


def test_a_teacher_with_its_classes_in_another_order_is_refused(tmp_path):
    teacher_of(3).save(tmp_path / "teacher.keras")
    record = tiny_run.record_of(3, (32, 32))
    for entry, name in zip(record["classes"], "bca", strict=True):
        entry["name"] = name
    (tmp_path / "teacher.json").write_text(json.dumps(record))
    config = tiny_run.config(teacher=str(tmp_path / "teacher.keras"))
    with pytest.raises(UserError, match="classes in the order in which the model was trained"):
        open_teacher(config, CLASSES, 3, (32, 32))
