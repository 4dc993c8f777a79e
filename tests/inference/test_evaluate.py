"""Evaluation, judged by scores counted by hand and by softmaxes averaged in NumPy."""

from __future__ import annotations

import json
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.cli.main import main
from segnet_tf.data import VOID, Classes, Samples
from segnet_tf.errors import UserError
from segnet_tf.inference.evaluation import evaluate, table
from segnet_tf.inference.predictors import Predictor, open_predictor
from segnet_tf.inference.tflite_model import TFLiteModel

CLASSES = Classes(("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def color_model(shape=(None, None, 3), channels=3) -> keras.Model:
    """Logits that are the pixel's own RGB / 255: the strongest color is the class."""
    image = keras.Input(shape)
    conv = keras.layers.Conv2D(channels, 1, use_bias=False)
    model = keras.Model(image, conv(image))
    conv.kernel.assign(np.eye(3, channels)[None, None] / 255)
    return model


def blurred_model(shape) -> keras.Model:
    """A model that mirroring matters to, with random weights."""
    keras.utils.set_random_seed(3)
    image = keras.Input(shape)
    x = keras.layers.Rescaling(1 / 64, -2)(image)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    return keras.Model(image, keras.layers.Conv2D(3, 1)(x))


def samples_of(pairs, classes=CLASSES) -> Samples:
    stems = tuple(str(i) for i in range(len(pairs)))
    return Samples("hand", "val", classes, stems, lambda index: pairs[index])


def paint(ids) -> np.ndarray:
    return (np.eye(3, dtype=np.uint8) * 255)[np.array(ids)]


def test_scores_counted_by_hand():
    # Predicted          truth
    # 0 0 1              0 0 0
    # 1 1 1              1 1 void
    # and in a second image of another size one 1 that is 1. No blue anywhere.
    pairs = [
        (paint([[0, 0, 1], [1, 1, 1]]), np.array([[0, 0, 0], [1, 1, VOID]], np.uint8)),
        (paint([[1]]), np.array([[1]], np.uint8)),
    ]
    seen = []
    found = evaluate(
        Predictor(color_model(), "colors"),
        samples_of(pairs),
        progress=lambda *counts: seen.append(counts),
    )
    assert seen == [(1, 2), (2, 2)]
    np.testing.assert_array_equal(found.matrix, [[2, 1, 0], [0, 3, 0], [0, 0, 0]])
    summary = found.summary
    assert summary["global_accuracy"] == pytest.approx(5 / 6)
    assert summary["class_average_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert summary["per_class_iou"] == {
        "red": pytest.approx(2 / 3),
        "green": pytest.approx(3 / 4),
        "blue": None,
    }
    assert summary["mean_iou"] == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert (summary["images"], summary["protocol"]["data"]) == (2, "hand")
    assert json.loads(json.dumps(summary)) == summary
    lines = table(summary).splitlines()
    assert lines[1].split() == ["red", "66.67", "66.67"]
    assert lines[3].split() == ["blue", "-", "-"]


def test_mirrored_answers_are_averaged_as_probabilities():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 9, 14, 3)).astype(np.float32)
    model = blurred_model((None, None, 3))

    def softmax(logits):
        parts = np.exp(logits - logits.max(-1, keepdims=True))
        return parts / parts.sum(-1, keepdims=True)

    plain = model(images).numpy()
    mirrored = model(images[:, :, ::-1].copy()).numpy()[:, :, ::-1]
    expected = (softmax(plain) + softmax(mirrored)).argmax(-1)
    found = Predictor(model, "m").labels(images, flip=True)
    np.testing.assert_array_equal(found, expected)
    assert (expected != plain.argmax(-1)).any()


def test_size_is_the_models_and_the_labels_keep_theirs():
    ids = np.zeros((8, 12), np.uint8)
    ids[:, 6:] = 2
    pairs = [(paint(ids), ids)]
    found = evaluate(Predictor(color_model((4, 6, 3)), "fixed"), samples_of(pairs))
    assert found.matrix.sum() == 8 * 12
    assert found.summary["mean_iou"] == 1.0
    assert found.summary["protocol"]["input_size"] == [4, 6]
    with pytest.raises(UserError, match=r"`size` must be 4x6.*Received: images of 5x5"):
        evaluate(Predictor(color_model((4, 6, 3)), "fixed"), samples_of(pairs), size=(5, 5))


def test_one_logit_is_two_classes():
    two = Classes(("dark", "light"), ((0, 0, 0), (255, 255, 255)))
    image = np.zeros((1, 4, 3), np.uint8)
    image[0, 2:] = 255
    model = color_model(channels=1)
    bias = keras.Sequential([keras.Input((None, None, 3)), model, keras.layers.Rescaling(1, -0.5)])
    found = evaluate(
        Predictor(bias, "one"), samples_of([(image, np.array([[0, 1, 1, 1]], np.uint8))], two)
    )
    np.testing.assert_array_equal(found.matrix, [[1, 0], [1, 2]])


def test_class_counts_must_fit():
    two = Classes(("a", "b"), ((0, 0, 0), (1, 1, 1)))
    pairs = [(paint([[0]]), np.zeros((1, 1), np.uint8))]
    with pytest.raises(UserError, match="the 2 classes of the data. Received: m with 3"):
        evaluate(Predictor(color_model(), "m"), samples_of(pairs, two))


def converted(model, change=None) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if change:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        rng = np.random.default_rng(2)  # the image of the test is among them
        data = [[rng.integers(0, 256, (1, 6, 8, 3)).astype(np.float32)] for _ in range(4)]
        data += [[np.zeros((1, 6, 8, 3), np.float32)], [np.full((1, 6, 8, 3), 255, np.float32)]]
        converter.representative_dataset = lambda: iter(data)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = change
    return converter.convert()


class Ids(keras.layers.Layer):
    def call(self, logits):
        return tf.argmax(logits, axis=-1, output_type=tf.int32)


@pytest.mark.parametrize("kind", ["float32", "uint8", "int8", "probabilities", "labels"])
def test_tflite_files(kind, tmp_path):
    model = blurred_model((6, 8, 3))
    exported = model
    if kind == "probabilities":
        exported = keras.Sequential([model, keras.layers.Softmax()])
    if kind == "labels":
        exported = keras.Model(model.input, Ids()(model.output))
    path = tmp_path / "model.tflite"
    path.write_bytes(converted(exported, {"uint8": tf.uint8, "int8": tf.int8}.get(kind)))
    image = np.random.default_rng(2).integers(0, 256, (6, 8, 3)).astype(np.float32)
    logits = model(image[None]).numpy()[0]
    loaded = TFLiteModel(path)
    answer = loaded(image)
    assert loaded.input_size == (6, 8)
    if kind == "labels":
        assert (loaded.output.kind, loaded.channels) == ("labels", None)
        np.testing.assert_array_equal(answer, logits.argmax(-1))
    elif kind == "probabilities":
        assert loaded.output.kind == "probabilities"
        np.testing.assert_allclose(answer, tf.nn.softmax(logits), atol=1e-5)
    else:
        assert (loaded.output.kind, loaded.channels) == ("logits", 3)
        # int8 weights and activations: about 1 % of the range of the logits.
        tolerance = 1e-4 if kind == "float32" else 0.03 * np.ptp(logits)
        np.testing.assert_allclose(answer, logits, atol=tolerance)
    # As a predictor it takes any size, and gives labels of that size.
    predictor = open_predictor(path)
    assert predictor.labels(np.zeros((2, 9, 10, 3), np.float32)).shape == (2, 9, 10)
    if kind == "labels":
        with pytest.raises(UserError, match="`flip` needs"):
            predictor.labels(image[None], flip=True)
    with pytest.raises(UserError, match="`image` must be"):
        loaded(image[:5])


def test_files_that_are_no_models(tmp_path, capsys):
    for name, content in (("a.tflite", b"nonsense"), ("b.keras", b"PK nonsense"), ("c.txt", b"")):
        (tmp_path / name).write_bytes(content)
        assert main(["evaluate", "--model", str(tmp_path / name), "--data", "synthetic:4"]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and name in error
    for name in ("nothing.keras", str(tmp_path), "weights:nothing", "weights:../x"):
        with pytest.raises(UserError, match="`model` must be"):
            open_predictor(name)


def test_command(tmp_path, capsys):
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Conv2D(11, 1)(image)).save(tmp_path / "model.keras")
    command = ["evaluate", "--model", str(tmp_path / "model.keras"), "--data", "synthetic:8"]
    command += ["--size", "32x48", "--limit", "2", "--json", str(tmp_path / "scores.json")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert {
        "mean_iou",
        "global_accuracy",
        "class_average_accuracy",
        "boundary_f1",
        "per_class_iou",
        "images",
        "protocol",
    } <= set(scores)
    assert scores["images"] == 2 and scores["protocol"]["split"] == "val"
    assert f"{100 * scores['mean_iou']:.2f}" in printed
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err


class SlowPredictor(Predictor):
    """Takes 400 ms for its first batch and 80 ms for each further one."""

    seconds = 0.4

    def labels(self, *arguments, **options):
        time.sleep(self.seconds)
        self.seconds = 0.08
        return super().labels(*arguments, **options)


def test_times_are_an_images_and_the_first_batch_does_not_count():
    pairs = [(paint([[0, 1], [1, 2]]), np.zeros((2, 2), np.uint8))] * 6
    slow = SlowPredictor(color_model(), "slow")
    found = evaluate(slow, samples_of(pairs), batch_size=2)
    assert 40 <= found.prediction_ms < 100
    assert "prediction_ms" not in found.summary
