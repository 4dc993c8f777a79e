"""Boundary F1 against a search of all pairs of pixels, and by hand."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.losses import MaskedCrossentropy
from segnet_tf.metrics.boundary import BoundaryF1, tolerance_in_pixels

VOID = 255


def as_logits(labels, classes):
    return np.eye(classes, dtype=np.float32)[labels]


def edge_pixels(labels, c):
    """Coordinates of class c with a neighbour of another class, pixel by pixel."""
    height, width = labels.shape
    found = []
    for y, x in zip(*np.nonzero(labels == c), strict=True):
        for ny, nx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= ny < height and 0 <= nx < width and labels[ny, nx] not in (c, VOID):
                found.append((y, x))
                break
    return np.array(found, float).reshape(-1, 2)


def share_near(points, others, radius):
    if not len(points) or not len(others):
        return 0.0
    distance = np.sqrt(((points[:, None] - others[None]) ** 2).sum(-1))
    return np.mean(distance.min(axis=1) <= radius + 1e-9)


def brute_force(truths, guesses, classes, tolerance):
    images = []
    for truth, guess in zip(truths, guesses, strict=True):
        radius = math.ceil(tolerance * math.hypot(*truth.shape) - 1e-9)
        guess = np.where(truth == VOID, VOID, guess)
        values = []
        for c in range(classes):
            true_edge, guessed_edge = edge_pixels(truth, c), edge_pixels(guess, c)
            if not len(true_edge):
                continue
            precision = share_near(guessed_edge, true_edge, radius)
            recall = share_near(true_edge, guessed_edge, radius)
            total = precision + recall
            values.append(2 * precision * recall / total if total else 0.0)
        if values:
            images.append(np.mean(values))
    return np.mean(images) if images else 0.0


def blobs(rng, shape, classes, cell):
    """Label maps of rough patches, so that there are insides as well as edges."""
    batch, height, width = shape
    coarse = rng.integers(0, classes, (batch, -(-height // cell), -(-width // cell)))
    labels = coarse.repeat(cell, 1).repeat(cell, 2)[:, :height, :width].copy()
    noise = rng.random(shape) < 0.02
    labels[noise] = rng.integers(0, classes, noise.sum())
    return labels.astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "classes", "cell", "tolerance"),
    [
        ((3, 40, 52), 5, 9, 0.0075),  # radius 1
        ((2, 40, 52), 11, 8, 0.03),  # 2
        ((2, 60, 80), 4, 15, 0.05),  # 5
        ((1, 37, 23), 3, 7, 0.2),  # 9
        ((2, 30, 31), 40, 4, 0.06),  # more classes than an int32 has bits
        ((2, 25, 30), 3, 6, 0.0),  # exact hits only
        ((2, 5, 9), 2, 2, 1.0),  # a disk larger than the image
        ((2, 1, 20), 2, 3, 0.1),  # a single row
    ],
)
def test_equals_the_search_of_all_pairs(shape, classes, cell, tolerance):
    rng = np.random.default_rng(7)
    truth, guess = blobs(rng, shape, classes, cell), blobs(rng, shape, classes, cell)
    truth[rng.random(shape) < 0.05] = VOID
    truth[:, :, : shape[2] // 6] = VOID
    # Most of the guess is the truth moved, so that scores are neither 0 nor 1.
    moved = np.roll(truth, (1, 1), (1, 2))
    guess[:, :, shape[2] // 3 :] = np.where(moved == VOID, guess, moved)[:, :, shape[2] // 3 :]
    metric = BoundaryF1(classes, tolerance)
    metric.update_state(truth, as_logits(guess, classes))
    expected = brute_force(truth, guess, classes, tolerance)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)


def test_by_hand():
    # A vertical edge guessed two columns off; the radius of 0.05 * 5 rounds up to 2 or less.
    truth, guess = np.zeros((1, 3, 4), np.uint8), np.zeros((1, 3, 4), np.uint8)
    truth[:, :, 1:], guess[:, :, 3:] = 1, 1
    scores = []
    for tolerance in (0.2, 0.4):  # radius 1 and 2
        metric = BoundaryF1(2, tolerance)
        metric.update_state(truth, as_logits(guess, 2))
        scores.append(float(metric.result()))
    assert scores == [0, 1]


def test_precision_and_recall_by_hand():
    # One row; true edges of class 1 at columns 2 and 5, of class 0 at 1 and 6.
    truth = np.array([[[0, 0, 1, 1, 1, 1, 0, 0]]], np.uint8)
    guess = np.array([[[0, 0, 1, 1, 1, 1, 1, 1]]], np.uint8)
    metric = BoundaryF1(2, 0.0)
    metric.update_state(truth, as_logits(guess, 2))
    # Both classes: the one guessed edge pixel is right, one of two true ones is found.
    assert float(metric.result()) == pytest.approx(2 * 1 * 0.5 / 1.5)


def test_images_weigh_the_same_whatever_their_batch():
    rng = np.random.default_rng(3)
    truth, guess = blobs(rng, (5, 30, 40), 4, 8), blobs(rng, (5, 30, 40), 4, 8)
    truth[1] = VOID  # counts neither as 0 nor as 1
    truth[2] = 2  # no boundary, so nothing to score
    alone, together = BoundaryF1(4, 0.05), BoundaryF1(4, 0.05)
    together.update_state(truth, as_logits(guess, 4))
    for one_truth, one_guess in zip(truth, guess, strict=True):
        alone.update_state(one_truth[None], as_logits(one_guess, 4)[None])
    expected = brute_force(truth[[0, 3, 4]], guess[[0, 3, 4]], 4, 0.05)
    assert float(together.result()) == pytest.approx(expected, rel=1e-6)
    assert float(alone.result()) == pytest.approx(expected, rel=1e-6)


def test_truth_scores_one_and_nothing_scores_zero():
    truth = blobs(np.random.default_rng(0), (2, 30, 40), 5, 7)
    metric = BoundaryF1(5)
    assert float(metric.result()) == 0
    metric.update_state(np.full_like(truth, VOID), as_logits(truth, 5))
    assert float(metric.result()) == 0
    metric.update_state(truth, as_logits(truth, 5))
    assert float(metric.result()) == 1
    metric.reset_state()
    metric.update_state(truth, np.zeros((*truth.shape, 5), np.float32))  # all class 0
    assert float(metric.result()) == 0


def test_one_logit():
    truth = blobs(np.random.default_rng(1), (1, 30, 40), 2, 7)
    guess = np.roll(truth, 1, 2)
    metric = BoundaryF1(1, 0.0)
    metric.update_state(truth, np.where(guess, 2.0, -2.0)[..., None].astype(np.float32))
    expected = brute_force(truth, guess, 2, 0.0)
    assert 0 < expected < 1 and float(metric.result()) == pytest.approx(expected)


@pytest.mark.slow
def test_unknown_sizes_in_a_graph():
    metric = BoundaryF1(3, 0.04)
    signature = [tf.TensorSpec([None] * 3, tf.uint8), tf.TensorSpec([None] * 3 + [3], tf.float32)]
    update = tf.function(metric.update_state, input_signature=signature, jit_compile=False)
    expected = []
    for shape in ((1, 31, 40), (2, 60, 17)):
        rng = np.random.default_rng(shape[1])
        truth, guess = blobs(rng, shape, 3, 8), blobs(rng, shape, 3, 8)
        update(truth, as_logits(guess, 3))
        expected += [
            brute_force(truth[i : i + 1], guess[i : i + 1], 3, 0.04) for i in range(shape[0])
        ]
    assert float(metric.result()) == pytest.approx(np.mean(expected), rel=1e-6)


@pytest.mark.parametrize(
    ("size", "tolerance", "pixels"),
    [((360, 480), 0.0075, 5), ((3, 4), 0.2, 1), ((60, 80), 0.07, 7), ((9, 9), 0, 0)],
)
def test_tolerance_rounds_up(size, tolerance, pixels):
    assert int(tolerance_in_pixels(tf.constant(size), tolerance)) == pixels


@pytest.mark.slow
def test_in_compile_and_after_loading(tmp_path):
    convolution = keras.layers.Conv2D(3, 3, padding="same")
    model = keras.Sequential([keras.Input((None, None, 3)), convolution])
    model.compile("sgd", loss=MaskedCrossentropy(), metrics=[BoundaryF1(3, tolerance=0.03)])
    rng = np.random.default_rng(0)
    images, truth = rng.random((3, 20, 24, 3), np.float32), blobs(rng, (3, 20, 24), 3, 6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found = loaded.evaluate(images, truth, batch_size=2, verbose=0, return_dict=True)
    guess = model.predict(images, verbose=0).argmax(-1)
    expected = brute_force(truth, guess, 3, 0.03)
    assert found["boundary_f1"] == pytest.approx(expected, rel=1e-6)


def test_bad_arguments_are_named():
    with pytest.raises(UserError, match="`tolerance`"):
        BoundaryF1(3, -0.1)
    with pytest.raises(ValueError, match="weighted_metrics"):
        BoundaryF1(2).update_state(np.zeros((1, 2, 2)), np.zeros((1, 2, 2, 2)), sample_weight=1)
