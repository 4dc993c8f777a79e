"""Scores by hand and against plain NumPy over the whole split at once."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf import metrics
from segnet_tf.losses import MaskedCrossentropy

VOID = 255
NAMES = ("global_accuracy", "class_average_accuracy", "mean_iou")
ALL = (
    metrics.GlobalAccuracy,
    metrics.ClassAverageAccuracy,
    metrics.MeanIoU,
    metrics.PerClassIoU,
    metrics.SegmentationScores,
)

# Truth and prediction of ten pixels of four classes; class 3 is nowhere, class 2 in no truth.
TRUTH = [0, 0, 0, 0, 0, 1, 1, 1, VOID, VOID]
GUESS = [0, 0, 0, 1, 2, 1, 1, 0, 3, 0]
MATRIX = [[3, 1, 1, 0], [1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
BY_HAND = {
    "global_accuracy": 5 / 8,
    "class_average_accuracy": (3 / 5 + 2 / 3) / 2,
    "mean_iou": (3 / 6 + 2 / 4 + 0) / 3,
}


def as_logits(labels, classes):
    return 5 * np.eye(classes, dtype=np.float32)[np.array(labels)] - 1


def by_hand(metric):
    metric.update_state(np.array([[TRUTH]], np.uint8), as_logits([[GUESS]], 4))
    return metric


def random_batch(classes, seed, shape=(3, 11, 13)):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, max(classes, 2), shape).astype(np.uint8)
    labels[rng.random(shape) < 0.2] = VOID
    return labels, rng.normal(size=(*shape, classes)).astype(np.float32)


def numpy_scores(truth, guess, classes):
    """The definitions, class by class, with no confusion matrix."""
    guess, truth = guess[truth != VOID], truth[truth != VOID]
    recalls, ious = [], []
    for c in range(classes):
        both = np.sum((truth == c) & (guess == c))
        either = np.sum((truth == c) | (guess == c))
        if np.any(truth == c):
            recalls.append(both / np.sum(truth == c))
        if either:
            ious.append(both / either)
    return dict(zip(NAMES, (np.mean(truth == guess), np.mean(recalls), np.mean(ious)), strict=True))


def test_hand_computed():
    metric = by_hand(metrics.SegmentationScores(4))
    assert metric.matrix().tolist() == MATRIX
    assert {name: float(value) for name, value in metric.result().items()} == pytest.approx(BY_HAND)
    for kind in (metrics.GlobalAccuracy, metrics.ClassAverageAccuracy, metrics.MeanIoU):
        single = by_hand(kind(4))
        assert float(single.result()) == pytest.approx(BY_HAND[single.name])


def test_scores_of_a_matrix():
    found = metrics.scores(np.array(MATRIX))
    assert {name: found[name] for name in NAMES} == pytest.approx(BY_HAND)
    assert found["per_class_iou"] == [0.5, 0.5, 0.0, None]
    assert found["per_class_accuracy"] == [3 / 5, pytest.approx(2 / 3), None, None]
    assert found["pixels"] == 8
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_per_class_iou_is_nan_where_absent():
    found = by_hand(metrics.PerClassIoU(4, class_names=["a", "b", "c", "d"])).result()
    assert list(found) == ["iou_a", "iou_b", "iou_c", "iou_d"]
    assert [float(value) for value in found.values()][:3] == [0.5, 0.5, 0.0]
    assert np.isnan(float(found["iou_d"]))


def test_all_void_scores_zero():
    metric = metrics.SegmentationScores(3)
    metric.update_state(np.full((2, 4, 5), VOID), np.ones((2, 4, 5, 3), np.float32))
    assert metric.matrix().sum() == 0
    assert [float(value) for value in metric.result().values()] == [0, 0, 0]
    found = metrics.scores(metric.matrix())
    assert found["mean_iou"] == 0 and found["pixels"] == 0
    assert found["per_class_iou"] == [None] * 3


def test_one_logit_is_foreground_above_zero():
    metric = metrics.SegmentationScores(1)
    logits = np.array([[[[0.1], [-0.1], [0.0], [3.0], [9.0]]]], np.float32)
    metric.update_state(np.array([[[1, 0, 0, 0, VOID]]], np.uint8), logits)
    assert metric.matrix().tolist() == [[2, 1], [0, 1]]
    result = {name: float(value) for name, value in metric.result().items()}
    expected = {"global_accuracy": 3 / 4, "class_average_accuracy": 5 / 6, "mean_iou": 7 / 12}
    assert result == pytest.approx(expected)


@pytest.mark.parametrize("classes", [1, 2, 5, 11])
def test_batch_by_batch_is_the_split_at_once(classes):
    batches = [random_batch(classes, seed) for seed in range(3)]
    metric = metrics.SegmentationScores(classes)
    update = tf.function(metric.update_state)
    for labels, logits in batches:
        update(labels, logits)
    truth = np.concatenate([labels for labels, _ in batches])
    logits = np.concatenate([logits for _, logits in batches])
    guess = (logits[..., 0] > 0) if classes == 1 else logits.argmax(-1)
    expected = numpy_scores(truth, guess, max(classes, 2))
    assert {k: float(v) for k, v in metric.result().items()} == pytest.approx(expected, rel=1e-6)
    found = metrics.scores(metric.matrix())
    assert {name: found[name] for name in NAMES} == pytest.approx(expected)
    metric.reset_state()
    assert metric.matrix().sum() == 0


def test_counts_go_on_past_what_float32_holds():
    metric = metrics.SegmentationScores(2)
    metric.variables[0].assign([[2**24, 0], [0, 2**40]])
    update = tf.function(metric.update_state)
    for _ in range(3):
        update(np.zeros((1, 1, 1), np.uint8), np.array([[[[1.0, 0.0]]]], np.float32))
    assert metric.matrix().tolist() == [[2**24 + 3, 0], [0, 2**40]]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_and_the_first_of_equals(dtype):
    metric = metrics.MeanIoU(3)
    logits = tf.constant([[[[1.0, 1.0, 0.0]]]], dtype)
    metric.update_state(np.zeros((1, 1, 1), np.uint8), logits)
    assert metric.result().dtype == tf.float32 and float(metric.result()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_in_compile_and_after_loading(policy, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        convolution = keras.layers.Conv2D(4, 3, padding="same")
        model = keras.Sequential([keras.Input((None, None, 3)), convolution])
        model.compile(
            "sgd", loss=MaskedCrossentropy(), metrics=[kind(4) for kind in ALL], jit_compile=False
        )
        images = np.random.default_rng(0).random((5, 9, 7, 3), np.float32)
        labels = random_batch(4, 0, (5, 9, 7))[0]
        model.save(tmp_path / "model.keras")
        guess = model.predict(images, verbose=0).argmax(-1)
        expected = numpy_scores(labels, guess, 4)
        for each in (model, keras.models.load_model(tmp_path / "model.keras")):
            found = each.evaluate(images, labels, batch_size=2, verbose=0, return_dict=True)
            assert {name: found[name] for name in NAMES} == pytest.approx(expected, rel=1e-6)
            assert {f"iou_{c}" for c in range(4)} < set(found)
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("kind", ALL)
def test_config_gives_the_same_metric(kind):
    again = keras.metrics.deserialize(keras.metrics.serialize(kind(4, name="mine")))
    assert type(again) is kind and again.name == "mine" and again.num_classes == 4
    assert by_hand(again).matrix().tolist() == MATRIX


def test_bad_input_is_named():
    labels, logits = random_batch(4, 0)
    metric = metrics.MeanIoU(3)
    with pytest.raises(ValueError, match="same `num_classes`"):
        metric.update_state(labels, logits)
    with pytest.raises(tf.errors.InvalidArgumentError, match="class ids 0 to 2"):
        metric.update_state(labels, logits[..., :3])
    with pytest.raises(ValueError, match="weighted_metrics"):
        metric.update_state(labels, logits, sample_weight=1.0)
    for wrong in (0, -2, 1.5, 256, True):
        with pytest.raises(ValueError, match="`num_classes`"):
            metrics.MeanIoU(wrong)
    with pytest.raises(ValueError, match="3 names"):
        metrics.PerClassIoU(3, class_names=["a"])
    with pytest.raises(ValueError, match="square"):
        metrics.scores(np.zeros((2, 3)))
