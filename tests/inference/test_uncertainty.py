"""Samples with dropout alive, judged by NumPy on samples that Keras's layers make one by one."""

from __future__ import annotations

import json
import math

import keras
import numpy as np
import pytest
from PIL import Image

from segnet_tf.cli.main import main
from segnet_tf.data import Classes, Samples
from segnet_tf.errors import UserError
from segnet_tf.inference.crf import CRFParameters, refine
from segnet_tf.inference.evaluation import evaluate
from segnet_tf.inference.predictors import open_predictor
from segnet_tf.inference.uncertainty import many_passes, sample
from segnet_tf.models.stochastic import keep_mask

layers = keras.layers
IMAGES = np.random.default_rng(1).uniform(0, 255, (2, 6, 8, 3)).astype(np.float32)


def network(end=None, outputs=3, rate=0.5, policy=None) -> keras.Model:
    """Channels through SpatialDropout2D, values through Dropout, and batch normalization between.

    The model in the model has the second of them.
    """
    keras.utils.set_random_seed(4)
    image = keras.Input((None, None, 3))
    x = layers.Rescaling(1 / 64, -2)(image)
    x = layers.Conv2D(6, 3, padding="same", name="before", dtype=policy)(x)
    x = layers.SpatialDropout2D(rate, name="whole")(x)
    x = layers.BatchNormalization(name="norm")(x)
    inner_in = keras.Input((None, None, 6))
    y = layers.Conv2D(6, 3, padding="same", activation="relu")(inner_in)
    inner = keras.Model(inner_in, layers.Dropout(rate, name="each")(y), name="inner")
    x = layers.Add(name="sum")([inner(x), x])
    x = layers.Conv2D(outputs, 1, name="end", dtype="float32")(x)
    model = keras.Model(image, x if end is None else layers.Activation(end)(x))
    model.get_layer("norm").set_weights(
        [np.linspace(0.5, 2, 6), np.linspace(-1, 1, 6), np.linspace(-1, 0, 6), np.full(6, 3.0)]
    )
    return model


def one_sample(model, image, seed, number, rate=0.5):
    """Logits of a sample: the layers by hand, in inference, with masks between them."""
    inner = model.get_layer("inner")
    scale = 1 / (1 - rate)
    x = model.get_layer("before")(image / 64 - 2).numpy()
    x = x * keep_mask([1, 1, 6], rate, seed, number, 0).numpy() * scale
    x = model.get_layer("norm")(x, training=False).numpy()
    y = inner.layers[1](x).numpy()
    y = y * keep_mask(y.shape[1:], rate, seed, number, 1).numpy() * scale
    return model.get_layer("end")(x + y).numpy()


def probabilities(logits):
    if logits.shape[-1] == 1:
        logits = np.concatenate([0 * logits, logits], -1)
    parts = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return parts / parts.sum(-1, keepdims=True)


def entropy(p):
    return -(p * np.log(p)).sum(-1)


@pytest.mark.parametrize("end, outputs", [(None, 3), ("softmax", 3), (None, 1), ("sigmoid", 1)])
def test_statistics_are_those_of_the_samples(end, outputs):
    model = network(end, outputs)
    before = [np.array(weight) for weight in model.get_weights()]
    found = sample(model, IMAGES, 7, seed=3, batch_size=3)
    p = np.stack([probabilities(one_sample(model, IMAGES, 3, k)) for k in range(7)])
    mean = p.mean(0)
    np.testing.assert_allclose(found.probabilities, mean, atol=1e-5)
    np.testing.assert_allclose(found.predictive_entropy, entropy(mean), atol=1e-5)
    information = entropy(mean) - entropy(p).mean(0)
    np.testing.assert_allclose(found.mutual_information, information, atol=1e-5)
    np.testing.assert_allclose(found.variance, p.var(0).mean(-1), atol=1e-6)
    assert information.max() > 0.05 and p.var(0).max() > 0.01
    assert {each.dtype for each in vars(found).values()} == {np.dtype(np.float32)}
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def test_samples_depend_on_the_seed_and_on_nothing_else():
    model = network()
    found = vars(sample(model, IMAGES, 9, seed=5))
    again = vars(sample(model, IMAGES, 9, seed=5, batch_size=1))
    alone = vars(sample(model, IMAGES[1:], 9, seed=5, batch_size=4))
    for name, values in found.items():
        np.testing.assert_allclose(again[name], values, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(alone[name][0], values[1], rtol=1e-4, atol=1e-7)
    other = sample(model, IMAGES, 9, seed=6)
    assert np.abs(other.probabilities - found["probabilities"]).max() > 0.01


def test_the_mean_is_what_keras_samples_give_with_batch_normalization_frozen():
    model = network()
    model.get_layer("norm").trainable = False  # in Keras: inference, also where training=True
    # Each image of a batch has masks of its own.
    p = probabilities(np.asarray(model(np.repeat(IMAGES[:1], 400, 0), training=True)))
    found = sample(model, IMAGES[:1], 400)
    # Standard error of a difference of two means.
    error = np.std(p, axis=0) * math.sqrt(2 / 400)
    assert np.all(np.abs(found.probabilities[0] - np.mean(p, axis=0)) < 5 * error + 1e-5)
    plain = probabilities(np.asarray(model(IMAGES[:1], training=False)))
    assert np.abs(found.probabilities - plain).max() > 0.02  # not the averaged weights


def test_without_a_rate_the_mean_is_the_plain_prediction_and_nothing_is_unsure():
    model = network(rate=0.0)
    found = sample(model, IMAGES, 5)
    wanted = probabilities(model.predict_on_batch(IMAGES))
    np.testing.assert_allclose(found.probabilities, wanted, atol=1e-6)
    assert found.mutual_information.max() < 1e-9 and found.variance.max() < 1e-9
    np.testing.assert_allclose(found.predictive_entropy, entropy(wanted), atol=1e-5)


def test_mixed_precision_and_other_sizes():
    model = network(policy="mixed_bfloat16")
    found = sample(model, IMAGES, 4, size=(3, 4))
    assert found.probabilities.shape == (2, 6, 8, 3) and found.variance.shape == (2, 6, 8)
    np.testing.assert_allclose(found.probabilities.sum(-1), 1, atol=1e-5)
    assert np.all(found.mutual_information <= found.predictive_entropy)


def plain_network():
    image = keras.Input((None, None, 3))
    return keras.Model(image, layers.Conv2D(3, 1)(image))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"model": plain_network}, "`model` must have Dropout or SpatialDropout2D layers"),
        ({"samples": 1}, "`samples` must be a whole number, 2 or more"),
        ({"samples": 2.5}, "`samples` must be a whole number"),
        ({"seed": -1}, "`seed` must be a whole number, 0 or more"),
        ({"batch_size": 0}, "`batch_size` must be a positive whole number"),
        ({"batch_size": 10**9, "samples": 10**9}, "`batch_size` must be .* fit into memory"),
        ({"images": IMAGES[0]}, "`images` must be numbers"),
        ({"model": lambda: network("sigmoid")}, "sum to 1"),
        ({"model": lambda: network(rate=1.0)}, "`rate` of each Dropout must be below 1"),
        ({"samples": 2**63}, "`samples` must be a whole number, .*below 2.*63"),
    ],
)
def test_bad_input_is_refused(options, message):
    given = {"model": network, "images": IMAGES, "samples": 3} | options
    with pytest.raises(UserError, match=message):
        sample(given.pop("model")(), given.pop("images"), **given)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "net.keras"
    network().save(path)
    return str(path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for index, image in enumerate(IMAGES.astype(np.uint8)):
        Image.fromarray(image).save(folder / f"{index}.png")
    return folder


def test_predict_writes_maps_and_pictures(file, photos, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["predict", "--model", file, "--input", str(photos), "--output", str(out)]
    assert main([*command, "--mc-samples", "4", "--seed", "2"]) == 0
    assert "19 files written" in capsys.readouterr().out
    images = IMAGES.astype(np.uint8)
    wanted = vars(sample(file, images, 4, seed=2))
    for index in range(2):
        for name, values in wanted.items():
            found = np.load(out / f"{index}_{name}.npy")
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, values[index], rtol=1e-4, atol=1e-6)
        mask = np.asarray(Image.open(out / f"{index}_mask.png"))
        np.testing.assert_array_equal(mask, wanted["probabilities"][index].argmax(-1))
        for name in ("predictive_entropy", "mutual_information", "variance"):
            assert Image.open(out / f"{index}_{name}.png").width > 300
        # Where half of what ln(3) is or more is unsure, the overlay is the image.
        painted = np.asarray(Image.open(out / f"{index}_overlay.png"))
        unsure = wanted["predictive_entropy"][index] >= math.log(3) / 2
        assert unsure.any() and not unsure.all()
        np.testing.assert_array_equal(painted[unsure], images[index][unsure])
        assert (painted[~unsure] != images[index][~unsure]).any(-1).all()
    assert main([*command, "--mc-samples", "4"]) == 2  # all files are checked before
    assert "--overwrite" in capsys.readouterr().err


def test_evaluate_scores_the_mean_and_measures_each_uncertainty(file):
    labels = np.random.default_rng(7).integers(0, 3, (2, 6, 8)).astype(np.uint8)
    classes = Classes(("a", "b", "c"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
    samples = Samples(
        "hand", "val", classes, ("0", "1"), lambda k: (IMAGES[k].astype(np.uint8), labels[k])
    )
    steps = []
    predictor = open_predictor(file)
    found = evaluate(
        predictor, samples, mc_samples=6, seed=1, progress=lambda *done: steps.append(done)
    ).summary
    assert steps[-1] == (12, 12)
    p = sample(predictor, IMAGES.astype(np.uint8), 6, seed=1).probabilities
    right = p.argmax(-1) == labels
    assert found["global_accuracy"] == pytest.approx(right.mean())
    trust = found["calibration"]
    of_truth = np.take_along_axis(p, labels[..., None].astype(int), -1)
    assert trust["nll"] == pytest.approx(-np.log(of_truth).mean(), rel=1e-4)
    assert list(trust["uncertainty"]) == [
        "least_confidence", "predictive_entropy", "mutual_information", "variance"
    ]  # fmt: skip
    protocol = found["protocol"]
    assert (protocol["mc_samples"], protocol["mc_seed"]) == (6, 1)
    json.dumps(found)
    with pytest.raises(UserError, match="`flip` must be left out"):
        many_passes(predictor, 6, flip=True)


def test_a_crf_refines_the_mean_and_the_maps_stay_those_of_the_samples(file):
    pytest.importorskip("pydensecrf.densecrf", reason="needs pip install pydensecrf2")
    parameters = CRFParameters(3, 1, 6, 10, 60)
    predictor = open_predictor(file).with_crf(parameters)
    found = many_passes(predictor, 4)(IMAGES)
    mean = sample(predictor, IMAGES, 4)
    wanted = refine(mean.probabilities[1], IMAGES[1], parameters)
    np.testing.assert_allclose(found.probabilities[1], wanted, atol=1e-6)
    assert np.abs(wanted - mean.probabilities[1]).max() > 0.01
    np.testing.assert_array_equal(found.labels[1], wanted.argmax(-1))
    np.testing.assert_array_equal(found.uncertainty["variance"], mean.variance)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--mc-samples", "1"], "--mc-samples: must be a whole number of at least 2"),
        (["--mc-samples", "0"], "--mc-samples: must be a whole number of at least 2"),
        (["--mc-samples", "4", "--flip"], "`flip` must be left out"),
        (["--seed", "4"], "`--seed` must come with --mc-samples"),
        (["--mc-samples", "4", "--input", "drive.mp4"], "`--mc-samples` must come with images"),
    ],
)
def test_options_that_do_not_fit_end_in_one_line(file, photos, tmp_path, capsys, options, message):
    out = tmp_path / "out"
    command = ["predict", "--model", file, "--input", str(photos), "--output", str(out)]
    try:
        assert main([*command, *options]) == 2
    except SystemExit as ended:  # argparse
        assert ended.code == 2
    assert message in capsys.readouterr().err and not out.exists()
