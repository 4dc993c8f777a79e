"""Losses against values worked out by hand and a NumPy reference in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf import losses
from segnet_tf.errors import UserError

LN2, LN3 = np.log(2), np.log(3)
VOID = 255
# Probabilities of three pixels and a void one; their logarithms are the logits.
CHANCES = [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.5, 0.375, 0.125], [0.9, 0.05, 0.05]]
LABELS = [0, 1, 2, VOID]

EVERY_LOSS = {
    "crossentropy": (losses.MaskedCrossentropy(), 3),
    "weighted, smoothed": (losses.MaskedCrossentropy([1, 2, 4], label_smoothing=0.1), 3),
    "binary": (losses.BinaryCrossentropy(pos_weight=3), 1),
    "dice": (losses.Dice(3), 3),
    "binary dice": (losses.Dice(1), 1),
    "sum": (losses.CrossentropyDice(3, [1, 2, 4]), 3),
    "binary sum": (losses.CrossentropyDice(1), 1),
}


def row(labels, chances):
    """One image of one row: labels (1, 1, n) and logits (1, 1, n, classes)."""
    return np.array([[labels]], np.uint8), np.log(np.array([[chances]], np.float32))


def value_and_gradient(loss, labels, logits):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(labels, logits)
    return float(value), tape.gradient(value, logits).numpy()


def random_batch(classes, seed=0, shape=(2, 9, 7)):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, max(classes, 2), shape).astype(np.uint8)
    labels[rng.random(shape) < 0.3] = VOID
    return labels, rng.normal(0, 2, (*shape, classes)).astype(np.float32)


def test_crossentropy_is_the_mean_over_valid_pixels():
    # -ln of 1/2, 1/4 and 1/8: one, two and three times ln 2.
    assert float(losses.MaskedCrossentropy()(*row(LABELS, CHANCES))) == pytest.approx(2 * LN2)


def test_weights_enter_sum_and_denominator_as_in_pytorch():
    loss = losses.MaskedCrossentropy([1, 2, 4])
    expected = (1 * 1 + 2 * 2 + 4 * 3) * LN2 / (1 + 2 + 4)
    assert float(loss(*row(LABELS, CHANCES))) == pytest.approx(expected)


def test_label_smoothing_weighs_each_class_as_in_pytorch():
    loss = losses.MaskedCrossentropy([1, 2, 4], label_smoothing=0.3)
    labels, logits = row([1, VOID], [[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    own, even = 0.7 * 2 * 2 * LN2, 0.3 / 3 * (1 * 1 + 2 * 2 + 4 * 2) * LN2
    assert float(loss(labels, logits)) == pytest.approx((own + even) / 2)


def test_binary_crossentropy_by_hand():
    labels = np.array([[[1, 0, VOID, 1]]], np.uint8)
    logits = np.array([[[[LN3], [LN3], [100.0], [0.0]]]], np.float32)
    plain = (np.log(4 / 3) + np.log(4) + LN2) / 3
    doubled = (2 * np.log(4 / 3) + np.log(4) + 2 * LN2) / 3
    assert float(losses.BinaryCrossentropy()(labels, logits)) == pytest.approx(plain)
    assert float(losses.BinaryCrossentropy(2)(labels, logits)) == pytest.approx(doubled)


def test_dice_is_the_mean_over_classes_present():
    # Class 2 is in no label: its probabilities count for nothing.
    labels, logits = row([0, 1, VOID], [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.8, 0.1, 0.1]])
    # Both present classes: 2 * 0.5 / (0.5 + 0.25 + 1) = 4 / 7.
    assert float(losses.Dice(3)(labels, logits)) == pytest.approx(3 / 7)


def test_dice_of_one_logit_scores_the_foreground():
    labels = np.array([[[1, 1, 0, VOID]]], np.uint8)
    logits = np.array([[[[0.0], [LN3], [-LN3], [9.0]]]], np.float32)  # 1/2, 3/4, 1/4
    assert float(losses.Dice(1)(labels, logits)) == pytest.approx(1 - 2 * 1.25 / (1.5 + 2))
    assert float(losses.Dice(1)(labels * 0, logits)) == 0


def test_dice_pools_the_batch_before_dividing():
    labels, logits = random_batch(3)
    chances = np.exp(logits.astype(np.float64))
    chances /= chances.sum(-1, keepdims=True)
    lost = []
    for c in range(3):
        p, t = chances[labels != VOID][:, c], labels[labels != VOID] == c
        lost.append(1 - 2 * (p * t).sum() / (p.sum() + t.sum()))
    assert float(losses.Dice(3)(labels, logits)) == pytest.approx(np.mean(lost), rel=1e-5)


@pytest.mark.parametrize("weights", [None, [1, 2, 4]])
def test_sum_is_crossentropy_plus_dice(weights):
    labels, logits = random_batch(3)
    parts = losses.MaskedCrossentropy(weights)(labels, logits) + losses.Dice(3)(labels, logits)
    total = losses.CrossentropyDice(3, weights)(labels, logits)
    assert float(total) == pytest.approx(float(parts), rel=1e-6)


@pytest.mark.parametrize("name", EVERY_LOSS)
def test_void_has_no_gradient_and_no_say(name):
    loss, classes = EVERY_LOSS[name]
    labels, logits = random_batch(classes)
    value, gradient = value_and_gradient(loss, labels, logits)
    assert value > 0
    assert (gradient[labels == VOID] == 0).all()
    assert (np.abs(gradient[labels != VOID]).sum(axis=-1) > 0).all()
    logits[labels == VOID] *= -100
    assert float(loss(labels, logits)) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("name", EVERY_LOSS)
def test_all_void_is_zero_without_nan(name):
    loss, classes = EVERY_LOSS[name]
    labels, logits = random_batch(classes)
    value, gradient = value_and_gradient(loss, np.full_like(labels, VOID), logits)
    assert value == 0
    assert (gradient == 0).all()


@pytest.mark.parametrize("name", EVERY_LOSS)
def test_gradient_is_the_slope_of_the_value(name):
    loss, classes = EVERY_LOSS[name]
    labels, logits = random_batch(classes, shape=(1, 2, 3))
    _, gradient = value_and_gradient(loss, labels, logits)
    step = 1e-2
    for at in list(np.ndindex(logits.shape))[::3]:
        up, down = logits.copy(), logits.copy()
        up[at] += step
        down[at] -= step
        slope = (float(loss(labels, up)) - float(loss(labels, down))) / (2 * step)
        assert gradient[at] == pytest.approx(slope, abs=2e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", EVERY_LOSS)
def test_low_precision_logits_are_summed_in_float32(name, dtype):
    # 90,000 pixels: a float16 sum would pass 65504.
    loss, classes = EVERY_LOSS[name]
    labels, logits = random_batch(classes, shape=(1, 300, 300))
    low = tf.cast(logits, dtype)
    value = loss(labels, low)
    assert value.dtype == tf.float32
    expected = float(loss(labels, tf.cast(low, tf.float32)))
    assert float(value) == pytest.approx(expected, rel=1e-6)


def test_labels_may_have_a_channel_axis():
    labels, logits = random_batch(3)
    loss = losses.CrossentropyDice(3)
    assert float(loss(labels[..., None], logits)) == pytest.approx(float(loss(labels, logits)))


@pytest.mark.parametrize("name", EVERY_LOSS)
@pytest.mark.parametrize("compiled", [False, True])
def test_stray_labels_are_refused(name, compiled):
    loss, classes = EVERY_LOSS[name]
    labels, logits = random_batch(classes)
    labels[0, 0, 0] = max(classes, 2)
    run = tf.function(loss.__call__) if compiled else loss
    with pytest.raises(tf.errors.InvalidArgumentError, match="class ids 0 to"):
        run(tf.constant(labels), logits)


@pytest.mark.parametrize("name", EVERY_LOSS)
def test_config_gives_the_same_loss(name):
    loss, classes = EVERY_LOSS[name]
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    labels, logits = random_batch(classes)
    assert float(again(labels, logits)) == float(loss(labels, logits))


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("name", ["weighted, smoothed", "binary", "dice", "sum"])
def test_compiled_model_loads_with_nothing_passed_in(name, policy, tmp_path):
    loss, classes = EVERY_LOSS[name]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        convolution = keras.layers.Conv2D(classes, 3, padding="same")
        model = keras.Sequential([keras.Input((None, None, 3)), convolution])
        model.compile("sgd", loss=loss)
        images = np.random.default_rng(0).random((2, 9, 7, 3), np.float32)
        labels = random_batch(classes)[0]
        losses_seen = model.fit(images, labels, epochs=2, verbose=0).history["loss"]
        assert np.isfinite(losses_seen).all()
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        expected = model.evaluate(images, labels, verbose=0)
        assert loaded.evaluate(images, labels, verbose=0) == pytest.approx(expected, rel=1e-5)
    finally:
        keras.config.set_dtype_policy(before)


def test_names_give_the_losses():
    kinds = {
        ("crossentropy", 3): losses.MaskedCrossentropy,
        ("binary", 1): losses.BinaryCrossentropy,
        ("dice", 3): losses.Dice,
        ("crossentropy+dice", 3): losses.CrossentropyDice,
    }
    assert {name for name, _ in kinds} == set(losses.NAMES)
    for (name, classes), kind in kinds.items():
        assert type(losses.get(name, classes)) is kind
    assert losses.get("crossentropy", 3, np.array([1, 2, 4])).class_weights == [1, 2, 4]
    assert losses.get("binary", 1, [0.5, 2.0]).pos_weight == 4


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: losses.get("focal", 3), "`loss` must be one of"),
        (lambda: losses.get("binary", 3), "'binary' for one logit"),
        (lambda: losses.get("crossentropy", 1), "'binary' for one logit"),
        (lambda: losses.get("crossentropy", 3, [1, 2]), "3 weights"),
        (lambda: losses.get("binary", 1, [1, 2, 3]), "2 weights"),
        (lambda: losses.get("binary", 1, [0, 2]), "above 0"),
        (lambda: losses.get("dice", 3, [1, 2, 3]), "'crossentropy\\+dice'"),
        (lambda: losses.MaskedCrossentropy([1, -1]), "0 or more"),
        (lambda: losses.MaskedCrossentropy([1, float("nan")]), "finite"),
        (lambda: losses.MaskedCrossentropy(label_smoothing=1), "`label_smoothing`"),
        (lambda: losses.BinaryCrossentropy(0), "`pos_weight`"),
        (lambda: losses.CrossentropyDice(1, label_smoothing=0.1), "2 or more logits"),
    ],
)
def test_bad_arguments_say_what_to_do(call, words):
    with pytest.raises(UserError, match=words) as caught:
        call()
    assert "Received: " in str(caught.value) and "\n" not in str(caught.value)


def test_bad_shapes_are_named():
    labels, logits = random_batch(3)
    with pytest.raises(ValueError, match="same `num_classes`"):
        losses.Dice(4)(labels, logits)
    with pytest.raises(ValueError, match="2 weights for 3 classes"):
        losses.MaskedCrossentropy([1, 2])(labels, logits)
    with pytest.raises(ValueError, match="BinaryCrossentropy"):
        losses.MaskedCrossentropy()(labels, logits[..., :1])
    with pytest.raises(ValueError, match="one-hot"):
        losses.MaskedCrossentropy()(np.eye(3)[labels % 3], logits)
