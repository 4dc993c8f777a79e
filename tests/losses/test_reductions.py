"""Every `reduction`, with and without sample weights, against sums in NumPy float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf import losses
from segnet_tf.errors import UserError
from segnet_tf.losses.base import REDUCTIONS

VOID = 255
CLASS_WEIGHTS = [1.0, 2.0, 4.0]
SHAPE = (3, 5, 4)


def sample(classes):
    rng = np.random.default_rng(5)
    labels = rng.integers(0, max(classes, 2), SHAPE).astype(np.uint8)
    labels[rng.random(SHAPE) < 0.3] = VOID
    return labels, rng.normal(0, 2, (*SHAPE, classes)).astype(np.float32)


def softmax(logits):
    chances = np.exp(logits.astype(np.float64))
    return chances / chances.sum(-1, keepdims=True)


def crossentropy_pixels(labels, logits, smoothing=0.0):
    """`w * l` and w by a plain loop over pixels."""
    chances = softmax(logits)
    terms, weights = np.zeros(SHAPE), np.zeros(SHAPE)
    for at in np.ndindex(SHAPE):
        if labels[at] == VOID:
            continue
        weights[at] = CLASS_WEIGHTS[labels[at]]
        own = -weights[at] * np.log(chances[at][labels[at]])
        even = -np.mean(np.array(CLASS_WEIGHTS) * np.log(chances[at]))
        terms[at] = (1 - smoothing) * own + smoothing * even
    return terms, weights


def binary_pixels(labels, logits):
    chances = 1 / (1 + np.exp(-logits[..., 0].astype(np.float64)))
    terms = np.where(labels == 1, -3 * np.log(chances), -np.log(1 - chances))
    weights = (labels != VOID).astype(float)
    return terms * weights, weights


def dice_value(labels, logits):
    chances, lost = softmax(logits), []
    for c in range(3):
        p, t = chances[labels != VOID][:, c], labels[labels != VOID] == c
        lost.append(1 - 2 * (p * t).sum() / (p.sum() + t.sum()))
    return np.mean(lost)


def reduced(terms, weights, given, reduction):
    total = (given * terms).sum()
    return {
        "sum_over_batch_size": total / weights.sum(),
        "mean": total / weights.sum(),
        "mean_with_sample_weight": total / (given * weights).sum(),
        "sum": total,
        "none": given * terms,
        None: given * terms,
    }[reduction]


PIXEL_LOSSES = {
    "crossentropy": (
        lambda **k: losses.MaskedCrossentropy(CLASS_WEIGHTS, **k),
        crossentropy_pixels,
        3,
    ),
    "smoothed": (
        lambda **k: losses.MaskedCrossentropy(CLASS_WEIGHTS, label_smoothing=0.2, **k),
        lambda *arrays: crossentropy_pixels(*arrays, smoothing=0.2),
        3,
    ),
    "binary": (lambda **k: losses.BinaryCrossentropy(3.0, **k), binary_pixels, 1),
}
rng = np.random.default_rng(6)
GIVEN = {
    "none given": None,
    "one a pixel": rng.uniform(0, 3, SHAPE),
    "one a pixel, with a channel": rng.uniform(0, 3, (*SHAPE, 1)),
    "one an image": rng.uniform(0, 3, SHAPE[:1]),
    "one an image, as a column": rng.uniform(0, 3, (SHAPE[0], 1)),
}


def on_pixels(given):
    """The weight of each pixel; an image's weight is that of all its pixels."""
    if given is None:
        return np.ones(SHAPE)
    return (
        given.reshape(SHAPE) if given.size > SHAPE[0] else given.reshape(-1, 1, 1) * np.ones(SHAPE)
    )


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", PIXEL_LOSSES)
def test_terms_of_pixels_are_reduced_as_keras_names_it(name, reduction, given):
    make, pixels, classes = PIXEL_LOSSES[name]
    labels, logits = sample(classes)
    terms, weights = pixels(labels, logits)
    wanted = reduced(terms, weights, on_pixels(GIVEN[given]), reduction)
    found = make(reduction=reduction)(labels, logits, GIVEN[given])
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dice_is_one_value_a_batch(reduction, given):
    labels, logits = sample(3)
    wanted = dice_value(labels, logits)
    if reduction != "mean_with_sample_weight":
        wanted *= on_pixels(GIVEN[given]).mean()
    found = losses.Dice(3, reduction=reduction)(labels, logits, GIVEN[given])
    assert found.shape == ((1,) if reduction in ("none", None) else ())
    np.testing.assert_allclose(np.squeeze(found), wanted, rtol=1e-5)


@pytest.mark.parametrize("given", [name for name in GIVEN if "column" not in name])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_sum_adds_dice_to_the_reduced_crossentropy(reduction, given):
    labels, logits = sample(3)
    terms, weights = crossentropy_pixels(labels, logits)
    on = on_pixels(GIVEN[given])
    dice = dice_value(labels, logits)
    if reduction in ("none", None):
        wanted = on * (terms + dice / terms.size)
    else:
        wanted = reduced(terms, weights, on, reduction)
        wanted += dice if reduction == "mean_with_sample_weight" else dice * on.mean()
    found = losses.CrossentropyDice(3, CLASS_WEIGHTS, reduction=reduction)
    np.testing.assert_allclose(found(labels, logits, GIVEN[given]), wanted, rtol=1e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_void_batch_is_zero_without_nan(reduction):
    labels, logits = sample(3)
    for loss in (losses.MaskedCrossentropy, lambda **k: losses.CrossentropyDice(3, **k)):
        for given in GIVEN.values():
            found = loss(reduction=reduction)(np.full_like(labels, VOID), logits, given)
            assert np.all(np.asarray(found) == 0)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_config_keeps_the_reduction(reduction):
    for loss in (
        losses.MaskedCrossentropy(reduction=reduction),
        losses.BinaryCrossentropy(reduction=reduction),
        losses.Dice(3, reduction=reduction),
        losses.CrossentropyDice(3, reduction=reduction),
    ):
        again = keras.losses.deserialize(keras.losses.serialize(loss))
        assert again.reduction == reduction
        assert again.get_config() == loss.get_config()


def test_config_of_before_there_was_a_reduction_means_the_mean():
    loss = losses.Dice.from_config({"name": "dice", "num_classes": 3})
    assert loss.reduction == "sum_over_batch_size"


@pytest.mark.slow
def test_fit_takes_a_weight_an_image():
    labels, _ = sample(3)
    images = np.random.default_rng(0).random((*SHAPE, 3), np.float32)
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight"):
        model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(3, 1)])
        loss = losses.MaskedCrossentropy(CLASS_WEIGHTS, reduction=reduction)
        model.compile("sgd", loss=loss)
        terms, weights = crossentropy_pixels(labels, model.predict(images, verbose=0))
        given = GIVEN["one an image"]
        wanted = reduced(terms, weights, on_pixels(given), reduction)
        history = model.fit(images, labels, sample_weight=given, batch_size=SHAPE[0], verbose=0)
        assert history.history["loss"] == [pytest.approx(wanted, rel=1e-5)]


def test_bad_input_says_what_to_do():
    with pytest.raises(UserError, match="`reduction` must be one of .*Received: reduction='avg'"):
        losses.Dice(3, reduction="avg")
    labels, logits = sample(3)
    with pytest.raises(ValueError, match="one an image, .batch,"):
        losses.MaskedCrossentropy()(labels, logits, np.ones(SHAPE[:2]))
