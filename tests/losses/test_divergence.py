"""The divergence of two networks' answers against SciPy's relative entropy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, rel_entr, softmax

from segnet_tf.losses.divergence import divergence


def answers(channels):
    rng = np.random.default_rng(0)
    return rng.normal(0, 3, (2, 2, 3, 4, channels)).astype("float32")


def test_of_several_classes():
    taught, logits = answers(5)
    expected = rel_entr(softmax(taught, -1), softmax(logits, -1)).sum(-1).mean()
    assert float(divergence(taught, logits)) == pytest.approx(expected, rel=1e-5)
    assert float(divergence(taught, taught)) == 0


def test_of_one_logit():
    taught, logits = answers(1)
    both = [np.concatenate([expit(-x), expit(x)], -1) for x in (taught, logits)]
    assert float(divergence(taught, logits)) == pytest.approx(
        rel_entr(*both).sum(-1).mean(), rel=1e-5
    )


def test_in_float32_whatever_the_logits_are():
    taught, logits = (tf.cast(x, tf.bfloat16) for x in answers(5))
    found = divergence(taught, logits)
    assert found.dtype == tf.float32
    expected = divergence(tf.cast(taught, tf.float32), tf.cast(logits, tf.float32))
    assert float(found) == float(expected)


def test_classes_that_the_teacher_rules_out_add_nothing():
    taught = np.array([[[[0.0, -1e4]]]], "float32")
    logits = np.array([[[[0.0, 0.0]]]], "float32")
    assert float(divergence(taught, logits)) == pytest.approx(np.log(2))
