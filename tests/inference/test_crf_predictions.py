"""A CRF behind models of every kind, judged by `refine` on probabilities made in NumPy."""

from __future__ import annotations

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_run

import segnet_tf
from segnet_tf.data import Classes, Samples
from segnet_tf.errors import UserError
from segnet_tf.inference import predictors
from segnet_tf.inference.crf import CRFParameters, refine
from segnet_tf.inference.evaluation import evaluate
from segnet_tf.inference.predictors import Predictor, open_predictor
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.inference.uncertainty import one_pass

STRONG = CRFParameters(3, 1, 6, 10, 60)


@pytest.fixture(autouse=True)
def densecrf(request):
    if "without" not in request.node.name:
        pytest.importorskip("pydensecrf.densecrf", reason="needs pip install pydensecrf2")


def noisy(channels=3, outputs=3, shape=(None, None), end=None) -> keras.Model:
    """Random weights that see their neighborhood, so that mirroring matters."""
    keras.utils.set_random_seed(5)
    image = keras.Input((*shape, channels))
    x = keras.layers.Rescaling(1 / 64, -2)(image)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(outputs, 1)(x)
    return keras.Model(image, x if end is None else keras.layers.Activation(end)(x))


def pictures(channels=3, count=2, size=(12, 17)) -> np.ndarray:
    rng = np.random.default_rng(2)
    return rng.integers(0, 256, (count, *size, channels)).astype(np.float32)


def softmax(logits):
    parts = np.exp(logits - logits.max(-1, keepdims=True))
    return parts / parts.sum(-1, keepdims=True)


def refined(probabilities, images):
    return np.stack([refine(*each, STRONG) for each in zip(probabilities, images, strict=True)])


@pytest.mark.parametrize("channels", [3, 1, 4])
def test_labels_are_those_of_the_refined_probabilities(channels):
    model, images = noisy(channels), pictures(channels)
    plain = Predictor(model, "m")
    predictor = plain.with_crf(STRONG)
    expected = refined(softmax(model(images).numpy()), images)
    np.testing.assert_array_equal(predictor.labels(images), expected.argmax(-1))
    np.testing.assert_allclose(predictor.probabilities(images), expected, atol=1e-5)
    # The other one stays as it is, and gives other labels.
    assert plain.crf is None and (plain.labels(images) != expected.argmax(-1)).any()
    np.testing.assert_array_equal(segnet_tf.predict(predictor, images[0]), expected[0].argmax(-1))


def test_mirrored_probabilities_are_averaged_first():
    model, images = noisy(), pictures()
    mirrored = softmax(model(images[:, :, ::-1].copy()).numpy())[:, :, ::-1]
    expected = refined((softmax(model(images).numpy()) + mirrored) / 2, images).argmax(-1)
    found = Predictor(model, "m").with_crf(STRONG).labels(images, flip=True)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("end", [None, "sigmoid"])
def test_one_channel_is_foreground(end):
    model, images = noisy(outputs=1, end=end), pictures()
    foreground = model(images).numpy()
    if end is None:
        foreground = 1 / (1 + np.exp(-foreground))
    both = np.concatenate([1 - foreground, foreground], -1)
    expected = refined(both, images).argmax(-1)
    np.testing.assert_array_equal(Predictor(model, "m").with_crf(STRONG).labels(images), expected)


def test_the_crf_sees_the_image_at_its_own_size(monkeypatch):
    seen = []

    def recorded(probabilities, image, parameters):
        seen.append((probabilities, image, parameters))
        return probabilities

    monkeypatch.setattr(predictors, "refine", recorded)
    images = pictures(size=(12, 18))
    model = noisy(shape=(6, 9))
    predictor = Predictor(model, "m").with_crf(STRONG)
    assert predictor.labels(images).shape == (2, 12, 18)
    small = tf.image.resize(images, (6, 9))
    large = tf.image.resize(model(small), (12, 18))
    for index, (probabilities, image, parameters) in enumerate(seen):
        np.testing.assert_allclose(probabilities, softmax(large[index].numpy()), atol=1e-5)
        np.testing.assert_array_equal(image, images[index])
        assert parameters == STRONG


def test_evaluation_says_so_and_scores_the_refined_labels():
    model, images = noisy(), pictures()
    predictor = Predictor(model, "m").with_crf(STRONG)
    truth = refined(softmax(model(images).numpy()), images).argmax(-1).astype(np.uint8)
    classes = Classes(("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
    samples = Samples(
        "hand", "val", classes, ("0", "1"), lambda i: (images[i].astype(np.uint8), truth[i])
    )
    for calibration in (False, True):
        summary = evaluate(predictor, samples, calibration=calibration).summary
        assert summary["mean_iou"] == 1.0 and summary["protocol"]["crf"] == STRONG.to_json()
    plain = evaluate(Predictor(model, "m"), samples).summary
    assert plain["mean_iou"] < 0.95 and "crf" not in plain["protocol"]


def test_calibration_measures_the_refined_probabilities():
    model, images = noisy(), pictures()
    found = one_pass(Predictor(model, "m").with_crf(STRONG))(images)
    expected = refined(softmax(model(images).numpy()), images)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    np.testing.assert_array_equal(found.labels, expected.argmax(-1))


@pytest.mark.slow
@pytest.mark.parametrize("end", [None, "softmax", "labels"])
def test_tflite_files(tmp_path, end):
    model = noisy(shape=(12, 17), end=end if end == "softmax" else None)
    if end == "labels":
        labels = keras.layers.Lambda(lambda x: tf.argmax(x, axis=-1))(model.output)
        model = keras.Model(model.input, labels)
    path = tmp_path / "m.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    predictor, images = Predictor(TFLiteModel(path), "m.tflite"), pictures()
    if end == "labels":
        with pytest.raises(UserError, match="`crf` needs a model that gives logits.*m.tflite"):
            predictor.with_crf(STRONG)
        return
    values = model(images).numpy()
    expected = refined(values if end else softmax(values), images).argmax(-1)
    assert (predictor.with_crf(STRONG).labels(images) == expected).mean() > 0.99


def test_a_model_that_gives_labels_has_nothing_to_refine():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.ops.argmax(keras.layers.Conv2D(3, 1)(image), axis=-1))
    with pytest.raises(UserError, match="`crf` needs a model that gives logits or probab"):
        Predictor(model, "m").with_crf(STRONG)


def test_parameters_for_other_classes_are_refused():
    record = tiny_run.record_of(3, (12, 17))  # classes n0, n1, n2
    predictor = Predictor(noisy(), "runs/mine", record)
    assert predictor.with_crf(CRFParameters(classes=("N0", "n1", "n2"))).crf is not None
    for classes in (("n0", "n2", "n1"), ("n0", "n1")):
        with pytest.raises(UserError, match="`crf` must be tuned.*and runs/mine with n0, n1, n2"):
            predictor.with_crf(CRFParameters(classes=classes))
    # Nobody knows the names of a model without a run.
    assert open_predictor(noisy()).with_crf(CRFParameters(classes=("x", "y", "z"))).crf is not None


def test_without_the_package_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    with pytest.raises(UserError, match="a CRF needs pydensecrf2.*pip install pydensecrf2$"):
        Predictor(noisy(), "m").with_crf(STRONG)
