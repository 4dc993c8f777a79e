"""`evaluate` with calibration: one run of the model, the same scores, judged by NumPy."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from PIL import Image

from segnet_tf.cli.main import main
from segnet_tf.data import VOID, Classes, Samples
from segnet_tf.errors import UserError
from segnet_tf.inference.crf import CRFParameters
from segnet_tf.inference.evaluation import evaluate
from segnet_tf.inference.predictors import Predictor
from segnet_tf.inference.uncertainty import one_pass, predictive_entropy

layers = keras.layers
THREE = Classes(("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
TWO = Classes(("dark", "light"), ((0, 0, 0), (255, 255, 255)))


def network(end=None, channels=3, shape=(None, None, 3)) -> keras.Model:
    keras.utils.set_random_seed(3)
    image = keras.Input(shape)
    x = layers.Rescaling(1 / 64, -2)(image)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(channels, 1)(x)
    return keras.Model(image, x if end is None else end(x))


def samples_of(classes) -> Samples:
    rng = np.random.default_rng(5)
    pairs = []
    for height, width in ((9, 14), (9, 14)):
        labels = rng.integers(0, len(classes), (height, width)).astype(np.uint8)
        labels[0, :3] = VOID
        pairs.append((rng.integers(0, 256, (height, width, 3)).astype(np.uint8), labels))
    stems = tuple(str(i) for i in range(len(pairs)))
    return Samples("hand", "val", classes, stems, lambda index: pairs[index])


def softmax(logits):
    parts = np.exp(logits - logits.max(-1, keepdims=True))
    return parts / parts.sum(-1, keepdims=True)


def expected_nll(samples, probabilities):
    """Over all pixels at once; `probabilities` of an image `(1, H, W, 3)`."""
    losses = []
    for index in range(len(samples)):
        image, labels = samples.read(index)
        p = probabilities(image[None].astype(np.float32))[0][labels != VOID]
        losses.append(-np.log(p[np.arange(len(p)), labels[labels != VOID]]))
    return np.concatenate(losses).mean()


@pytest.mark.parametrize("end", ["logits", "softmax", "one logit"])
@pytest.mark.parametrize("flip", [False, True])
def test_scores_are_the_same_and_probabilities_are_those_of_the_model(end, flip):
    channels, classes = (1, TWO) if end == "one logit" else (3, THREE)
    plain = network(channels=channels)
    model = network(layers.Softmax() if end == "softmax" else None, channels)
    samples, runs = samples_of(classes), []

    def p_of_one(images):
        logits = plain(images).numpy()
        return softmax(np.concatenate([0 * logits, logits], -1) if channels == 1 else logits)

    def p(images):
        if not flip:
            return p_of_one(images)
        mirrored = p_of_one(np.ascontiguousarray(images[:, :, ::-1]))
        return (p_of_one(images) + mirrored[:, :, ::-1]) / 2

    predictor = Predictor(model, "m")
    run = predictor._run
    predictor._run = lambda images: runs.append(len(images)) or run(images)
    without = evaluate(predictor, samples, flip=flip, batch_size=2)
    count = len(runs)
    found = evaluate(predictor, samples, flip=flip, batch_size=2, calibration=True)
    assert len(runs) == 2 * count
    np.testing.assert_array_equal(found.matrix, without.matrix)
    calibration = found.summary.pop("calibration")
    assert found.summary == without.summary
    assert calibration["nll"] == pytest.approx(expected_nll(samples, p), rel=1e-5)
    assert calibration["accuracy"] == pytest.approx(found.summary["global_accuracy"])
    assert list(calibration["uncertainty"]) == ["least_confidence", "predictive_entropy"]


def test_logits_are_resized_before_the_softmax():
    model = network(shape=(6, 8, 3))
    image = np.random.default_rng(0).uniform(0, 255, (1, 12, 16, 3)).astype(np.float32)
    found = one_pass(Predictor(model, "m"))(image)
    small = keras.ops.image.resize(image, (6, 8), antialias=False)
    logits = keras.ops.image.resize(model(small), (12, 16)).numpy()
    np.testing.assert_allclose(found.probabilities, softmax(logits), atol=1e-5)
    np.testing.assert_array_equal(found.labels, logits.argmax(-1))


def test_entropy_by_hand():
    p = np.array([[1, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]], np.float32)
    np.testing.assert_allclose(predictive_entropy(p), [0, np.log(4), np.log(2)], rtol=1e-6)


def test_a_crf_is_measured_as_it_is_scored():
    pytest.importorskip("pydensecrf.densecrf", reason="needs pip install pydensecrf2")
    predictor = Predictor(network(), "m").with_crf(CRFParameters(1, 2, 2, 5, 20, iterations=5))
    without = evaluate(predictor, samples_of(THREE))
    found = evaluate(predictor, samples_of(THREE), calibration=True)
    np.testing.assert_array_equal(found.matrix, without.matrix)
    p = [predictor.probabilities(samples_of(THREE).read(i)[0][None] * 1.0) for i in range(2)]
    truth = [samples_of(THREE).read(i)[1] for i in range(2)]
    sure = np.concatenate([each[0][t != VOID].max(-1) for each, t in zip(p, truth, strict=True)])
    assert found.summary["calibration"]["confidence"] == pytest.approx(sure.mean(), rel=1e-5)


class Ids(layers.Layer):
    def call(self, logits):
        return keras.ops.argmax(logits, axis=-1)


@pytest.mark.parametrize(("end", "why"), [("labels", "gives labels"), ("sigmoids", "sum to 1")])
def test_models_without_a_distribution_are_refused(end, why):
    model = network(Ids() if end == "labels" else layers.Activation("sigmoid"), shape=(9, 14, 3))
    predictor = Predictor(model, "m")
    with pytest.raises(UserError, match=f"{why}.*"):
        evaluate(predictor, samples_of(THREE), calibration=True)


def test_command(tmp_path, capsys):
    network(channels=11).save(tmp_path / "m.keras")
    picture, report = tmp_path / "c.png", tmp_path / "scores.json"
    command = ["evaluate", "--model", str(tmp_path / "m.keras"), "--data", "synthetic:8"]
    command += ["--size", "32x48", "--limit", "2"]
    assert main([*command, "--calibration-picture", str(tmp_path / "c.jpg")]) == 2
    assert ".png file" in capsys.readouterr().err
    command += ["--json", str(report)]
    assert main([*command, "--calibration-picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(report.read_text())["calibration"]
    assert f"{100 * found['ece']:.2f}" in printed and f"{found['nll']:.4f}" in printed
    auroc = found["uncertainty"]["predictive_entropy"]["auroc"]
    assert f"predictive_entropy  {100 * auroc:6.2f}" in printed
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"
    assert main([*command, "--overwrite", "--calibration"]) == 0
    assert "adaptive ECE" in capsys.readouterr().out
    assert main([*command, "--overwrite"]) == 0
    assert "ECE" not in capsys.readouterr().out
    assert "calibration" not in json.loads(report.read_text())
