"""Metrics give their result in the dtype asked for, and count in int64 whatever it is."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf import metrics

# One pixel is wrong in 2**24 + 2: a count that float32 cannot hold, a share that float16 rounds.
MATRIX = np.array([[2**24, 1], [0, 1]])
EVERY = tuple(
    kind
    for kind in vars(metrics).values()
    if isinstance(kind, type) and issubclass(kind, keras.metrics.Metric)
)
WANTED = MATRIX.trace() / MATRIX.sum()


def values(metric):
    found = metric.result()
    return list(found.values()) if isinstance(found, dict) else [found]


def test_all_metrics_are_meant():
    assert len(EVERY) == 6 and metrics.BoundaryF1 in EVERY


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("kind", EVERY)
def test_result_has_the_dtype_and_the_config_keeps_it(kind, dtype):
    policies = dtype, keras.DTypePolicy(dtype)
    for metric in [kind(2, dtype=each) for each in policies]:
        again = keras.metrics.deserialize(keras.metrics.serialize(metric))
        for one in (metric, again):
            logits = np.random.default_rng(0).normal(size=(1, 4, 5, 2)).astype(np.float32)
            one.update_state(np.arange(20).reshape(1, 4, 5) % 2, logits)
            assert {value.dtype.name for value in values(one)} == {dtype}
            assert one.get_config()["dtype"] == dtype
        assert [float(a) for a in values(metric)] == [float(b) for b in values(again)]


@pytest.mark.parametrize("kind", EVERY)
def test_default_is_float32_under_every_policy(kind):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        metric = kind(2)
    finally:
        keras.config.set_dtype_policy(before)
    assert {value.dtype.name for value in values(metric)} == {"float32"}
    assert kind.from_config({"num_classes": 2, "name": "of_before"}).dtype == "float32"


@pytest.mark.parametrize(
    ("dtype", "bits"), [("float16", 11), ("bfloat16", 8), ("float32", 24), ("float64", 53)]
)
def test_only_the_result_is_rounded(dtype, bits):
    metric = metrics.GlobalAccuracy(2, dtype=dtype)
    metric.variables[0].assign(MATRIX)
    assert metric.variables[0].dtype == "int64"
    metric.update_state(np.zeros((1, 1, 1), int), np.array([[[[1.0, 0.0]]]], np.float32))
    assert metric.matrix().tolist() == [[2**24 + 1, 1], [0, 1]]
    metric.variables[0].assign(MATRIX)
    assert float(metric.result()) == pytest.approx(WANTED, abs=2.0**-bits)
    if dtype == "float64":
        assert float(metric.result()) == WANTED
