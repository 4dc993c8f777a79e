"""A training step in float16: its loss is scaled, and the scale is kept with the run."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tiny_run

from segnet_tf import models
from segnet_tf.training.checkpoint_files import Checkpoints, restore
from segnet_tf.training.preparation import Data, be_repeatable, compiled_model, make_dataset


@pytest.fixture
def opened(monkeypatch):
    """Makes compiled models of one precision and the same first weights, and a batch for them."""
    monkeypatch.setattr(models, "build", tiny_run.build)

    def of(precision: str) -> tuple[keras.Model, tuple]:
        # Without dropout's randomness the first step of SGD is a function of the weights.
        config = tiny_run.config(optimizer="sgd", mixed_precision=precision, weight_decay=0.0)
        be_repeatable(config)
        data = Data.open(config)
        model = compiled_model(config, data, weights=None)
        next(layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)).rate = 0.0
        return model, next(iter(make_dataset(config, data.train, 0)))

    return of


def step(model: keras.Model, batch: tuple) -> list[np.ndarray]:
    """What one step adds to each trained weight."""
    before = [variable.numpy() for variable in model.trainable_variables]
    model.train_on_batch(*batch)
    return [
        variable.numpy() - old
        for variable, old in zip(model.trainable_variables, before, strict=True)
    ]


@pytest.mark.slow
def test_a_step_is_that_of_float32_unless_a_gradient_overflows(opened, tmp_path):
    model, batch = opened("float32")
    expected = step(model, batch)
    half, batch = opened("float16")
    assert isinstance(half.optimizer, keras.optimizers.LossScaleOptimizer)
    assert half.get_layer("features").compute_dtype == "float16"
    # 10 bits of float16 are 0.001, and some gradients are sums of large numbers that cancel.
    largest = max(np.abs(wanted).max() for wanted in expected)
    for found, wanted in zip(step(half, batch), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0.03, atol=0.005 * largest)
    assert int(half.optimizer.step_counter.numpy()) == 1
    # The next scale is too large for any gradient: the step is left out and the scale halved.
    half.optimizer.dynamic_scale.assign(2.0**60)
    for found in step(half, batch):
        assert not found.any()
    assert float(half.optimizer.dynamic_scale.numpy()) == 2.0**59
    step(half, batch)
    half.optimizer.dynamic_scale.assign(512.0)
    step(half, batch)
    checkpoints = Checkpoints(tmp_path, half)
    checkpoints.set_model(half)
    checkpoints.on_epoch_end(0)
    again, _ = opened("float16")
    assert restore(again, tmp_path / "last.keras") == 1
    assert float(again.optimizer.dynamic_scale.numpy()) == 512.0
    assert int(again.optimizer.step_counter.numpy()) == 1
