"""Calibration against NumPy over all pixels at once, by the formulas, and against scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segnet_tf.errors import UserError
from segnet_tf.metrics.calibration import NLL_FLOOR, Calibration
from segnet_tf.metrics.rejection import BINS, area_under_roc, bin_of, kept_accuracy, kept_area
from segnet_tf.metrics.reliability import equal_mass, equal_width

NAMES = ("a", "b", "c", "d")
VOID = 255


def softmax(logits):
    parts = np.exp(logits - logits.max(-1, keepdims=True))
    return parts / parts.sum(-1, keepdims=True)


def entropy(p):
    return -np.sum(p * np.log(p), axis=-1)


@pytest.fixture(scope="module")
def split():
    """Eight images as a model sees them that is sure and mostly right: labels, p, a map."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, (8, 24, 31)).astype(np.uint8)
    logits = 1.5 * rng.normal(size=(*truth.shape, 4))
    logits += 6 * rng.random((*truth.shape, 1)) * np.eye(4)[truth]
    truth[rng.random(truth.shape) < 0.2] = VOID
    return truth, softmax(logits).astype(np.float32)


@pytest.fixture(scope="module")
def found(split):
    """What comes of the split in batches of different length."""
    truth, p = split
    measures = Calibration(NAMES)
    for part in (slice(0, 1), slice(1, 5), slice(5, 8)):
        maps = {"entropy": entropy(p[part])}
        measures.update(truth[part], p[part].argmax(-1), p[part], maps)
    return measures.summary()


@pytest.fixture(scope="module")
def pixels(split):
    """All that is not void: truth, p in float64, confidence, right."""
    truth, p = split
    truth, p = truth[truth != VOID].astype(int), p[truth != VOID].astype(np.float64)
    return truth, p, p.max(-1), p.argmax(-1) == truth


def numpy_ece(confidence, right, edges):
    total = 0.0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


def test_means(found, pixels):
    truth, p, confidence, right = pixels
    assert found["pixels"] == len(truth)
    assert found["accuracy"] == pytest.approx(right.mean())
    assert found["confidence"] == pytest.approx(confidence.mean())
    assert found["nll"] == pytest.approx(-np.log(p[np.arange(len(p)), truth]).mean(), rel=1e-6)
    assert found["brier"] == pytest.approx(((p - np.eye(4)[truth]) ** 2).sum(-1).mean(), rel=1e-6)
    assert found["ece"] == pytest.approx(numpy_ece(confidence, right, np.linspace(0, 1, 16)))
    assert found["nll_clipped"] == 0
    for index, name in enumerate(NAMES):
        row, mine = found["per_class"][name], truth == index
        assert row["pixels"] == mine.sum()
        assert row["accuracy"] == pytest.approx(right[mine].mean())
        assert row["confidence"] == pytest.approx(confidence[mine].mean())
        assert row["nll"] == pytest.approx(-np.log(p[mine, index]).mean(), rel=1e-6)
    assert json.loads(json.dumps(found)) == found


def test_adaptive_error(found, pixels):
    _, _, confidence, right = pixels
    order = np.argsort(confidence)
    parts = zip(
        np.array_split(confidence[order], 15), np.array_split(right[order], 15), strict=True
    )
    exact = sum(len(c) * abs(r.mean() - c.mean()) for c, r in parts) / len(right)
    # Of a fine bin that an edge cuts some pixels may be on the other side: about one in a hundred.
    assert found["adaptive_ece"] == pytest.approx(exact, abs=2e-3)


def test_equal_mass_by_hand():
    # Six pixels of four confidences; each of three bins has two. The three at 0.6 are shared out.
    bins = equal_mass(
        np.array([1, 0, 3, 2]), np.array([0, 0, 2, 2]), np.array([0.4, 0, 1.8, 1.6]), 3
    )
    np.testing.assert_allclose(bins.pixels, [2, 2, 2])
    np.testing.assert_allclose(bins.right, [2 / 3, 4 / 3, 2])
    np.testing.assert_allclose(bins.confidence, [1.0, 1.2, 1.6])
    assert bins.expected_error() == pytest.approx((1 / 3 + 2 / 15 + 0.4) / 6)


def test_edges_belong_to_the_bin_below():
    bins = equal_width(np.array([0.0, 0.25, 0.5, 0.75, 1.0]), np.array([0, 1, 1, 0, 1], bool), 4)
    assert bins.pixels.tolist() == [2, 1, 1, 1]
    entries = equal_width(np.array([0.9]), np.array([True]), 2).entries()
    assert entries[0]["accuracy"] is None and entries[1]["accuracy"] == 1.0


def pairs_auroc(score, wrong):
    """The probability that a wrong pixel is less sure than a right one, pair by pair."""
    bad, good = score[wrong][:, None], score[~wrong][None]
    return np.mean((bad > good) + 0.5 * (bad == good))


def test_who_is_wrong(found, pixels):
    truth, p, confidence, right = pixels
    for name, score in (("least_confidence", 1 - confidence), ("entropy", entropy(p))):
        row = found["uncertainty"][name]
        exact = pairs_auroc(score, ~right)
        assert abs(row["auroc"] - exact) <= row["auroc_error"] + 1e-9 < 2e-3
        for index, of_class in enumerate(NAMES):
            mine = truth == index
            expected = pairs_auroc(score[mine], ~right[mine])
            assert row["per_class_auroc"][of_class] == pytest.approx(expected, abs=2e-3)
        # The surest first: accuracy of each beginning, and the mean of all of them.
        kept = np.cumsum(right[np.argsort(score, kind="stable")]) / np.arange(1, len(right) + 1)
        at = [kept[round(share * len(kept)) - 1] for share in row["kept_share"]]
        np.testing.assert_allclose(row["kept_accuracy"], at, atol=2e-3)
        assert row["kept_accuracy_area"] == pytest.approx(kept.mean(), abs=1e-3)


def test_ties_count_half():
    assert area_under_roc(np.array([3, 1]), np.array([0, 2])) == (
        pytest.approx((2 * 3 + 2 * 0.5) / 8),
        pytest.approx(1 / 8),
    )
    assert area_under_roc(np.array([0, 4]), np.array([0, 0])) == (None, None)


def test_what_is_kept_by_hand():
    # Two sure pixels, both right; two unsure ones, one right.
    right, wrong = np.array([2, 0, 1]), np.array([0, 0, 1])
    np.testing.assert_allclose(
        kept_accuracy(right, wrong, (0.25, 0.5, 0.75, 1.0)), [1, 1, 5 / 6, 0.75]
    )
    # 1 up to a half, then (1 + s / 2) / s for s from 2 to 4 pixels: ln(2) + 1, over 4.
    assert kept_area(right, wrong) == pytest.approx(0.5 + (np.log(2) + 1) / 4)


def test_fine_bins_rise_and_are_fine():
    values = np.sort(np.random.default_rng(1).uniform(-35, 5, 20000))
    values = np.concatenate([[-1.0, 0.0], 2.0**values]).astype(np.float32)
    bins = bin_of(values)
    assert (np.diff(bins) >= 0).all() and bins[:2].tolist() == [0, 0]
    assert bins.max() == BINS - 1
    for number in np.unique(bins[(values >= 2.0**-32) & (values < 16)]):
        inside = values[(bins == number) & (values < 16)]
        assert inside.max() / inside.min() < 1 + 1 / 256


def test_scikit_learn_agrees(found, pixels):
    metrics = pytest.importorskip("sklearn.metrics")
    calibration_curve = pytest.importorskip("sklearn.calibration").calibration_curve
    truth, p, confidence, right = pixels
    p = p / p.sum(-1, keepdims=True)
    assert found["nll"] == pytest.approx(metrics.log_loss(truth, p, labels=range(4)), rel=1e-6)
    brier = metrics.brier_score_loss(truth, p, labels=range(4), scale_by_half=False)
    assert found["brier"] == pytest.approx(brier, rel=1e-6)
    for name, score in (("least_confidence", 1 - confidence), ("entropy", entropy(p))):
        row = found["uncertainty"][name]
        exact = metrics.roc_auc_score(~right, score)
        assert abs(row["auroc"] - exact) <= row["auroc_error"] + 1e-9
    accuracies, confidences = calibration_curve(right, confidence, n_bins=15)
    used = [each for each in found["reliability"] if each["pixels"]]
    np.testing.assert_allclose([each["accuracy"] for each in used], accuracies)
    np.testing.assert_allclose([each["confidence"] for each in used], confidences, rtol=1e-6)


def test_a_probability_of_0_counts_as_the_floor():
    p = np.array([[1, 0], [1, 0], [0.5, 0.5]], np.float32)
    measures = Calibration(("a", "b"))
    measures.update(np.array([0, 1, 1]), np.array([0, 0, 0]), p, {})
    found = measures.summary()
    assert found["nll"] == pytest.approx((-np.log(NLL_FLOOR) + np.log(2)) / 3)
    assert found["nll_clipped"] == pytest.approx(1 / 3)
    assert found["brier"] == pytest.approx((0 + 2 + 0.5) / 3)


def test_nothing_and_nonsense():
    measures = Calibration(NAMES)
    nothing = measures.summary()
    assert nothing["pixels"] == nothing["ece"] == nothing["adaptive_ece"] == nothing["nll"] == 0
    void, p = np.full((1, 2, 2), VOID), np.full((1, 2, 2, 4), 0.25, np.float32)
    measures.update(void, np.zeros((1, 2, 2)), p, {})
    row = measures.summary()["uncertainty"]["least_confidence"]
    assert row["auroc"] is None and row["kept_accuracy_area"] == 0
    json.dumps(measures.summary(), allow_nan=False)
    for wrong in (np.nan, np.inf):
        with pytest.raises(UserError, match="finite numbers.*NaN or infinity"):
            measures.update(np.zeros((1, 2, 2), int), np.zeros((1, 2, 2), int), p * wrong, {})
