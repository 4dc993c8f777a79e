"""Learning rate and weight decay, judged by their formulas."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tiny_run

from segnet_tf.config import TrainConfig
from segnet_tf.training.optimizers import make_optimizer


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", [1 / 8, 2 / 8 * (1 + math.cos(math.pi / 20)) / 2 * 1.0, 0.5, 0.0]),
        ("poly", [1 / 8, 2 / 8 * 0.95**0.9, 0.5**0.9, 0.0]),
        ("constant", [1 / 8, 2 / 8, 1.0, 1.0]),
    ],
)
def test_schedules_with_warmup(schedule, expected):
    # 5 epochs of 4 steps, warmup of two epochs: 8 steps.
    config = TrainConfig(schedule=schedule, epochs=5, learning_rate=0.5, warmup=2.0)
    optimizer = make_optimizer(config, steps_per_epoch=4)
    optimizer.build([keras.Variable(1.0)])
    found = []
    for step in (0, 1, 10, 20):
        optimizer.iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(found, [0.5 * part for part in expected], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("name", "decay"), [("adamw", 0.01), ("sgd", 5e-4)])
def test_weight_decay_spares_biases_and_normalization(name, decay):
    model = tiny_run.build("x", 3)
    for variable in model.trainable_variables:
        variable.assign(np.full(variable.shape, 2.0))
    config = TrainConfig(optimizer=name, schedule="constant", learning_rate=0.1)
    optimizer = make_optimizer(config, 10)
    optimizer.build(model.trainable_variables)
    gradients = [np.zeros(variable.shape, "float32") for variable in model.trainable_variables]
    optimizer.apply(gradients)
    for variable in model.trainable_variables:
        expected = 2.0 * (1 - 0.1 * decay) if variable.name == "kernel" else 2.0
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6, err_msg=variable.path)


def test_l2_decay_is_part_of_the_gradient():
    """Three steps by the formula of Caffe's solver; biases and normalization without decay."""
    model = tiny_run.build("x", 3)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    wanted = [np.float64(variable.numpy()) for variable in model.trainable_variables]
    velocity = [np.zeros(weight.shape) for weight in wanted]
    config = TrainConfig(
        optimizer="sgd", decay="l2", schedule="constant", learning_rate=0.1, weight_decay=0.5
    )
    optimizer = make_optimizer(config, 10)
    optimizer.build(model.trainable_variables)
    for _ in range(3):
        gradients = [rng.normal(size=weight.shape).astype("float32") for weight in wanted]
        optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
        for i, variable in enumerate(model.trainable_variables):
            decay = 0.5 if variable.name == "kernel" else 0.0
            velocity[i] = 0.9 * velocity[i] - 0.1 * (gradients[i] + decay * wanted[i])
            wanted[i] = wanted[i] + velocity[i]
    for variable, weight in zip(model.trainable_variables, wanted, strict=True):
        np.testing.assert_allclose(variable.numpy(), weight, rtol=1e-5, err_msg=variable.path)


def test_a_file_with_l2_decay_goes_on_alike(tmp_path):
    model = tiny_run.build("x", 3)
    config = TrainConfig(optimizer="sgd", decay="l2", learning_rate=0.1, weight_decay=0.25)
    model.compile(make_optimizer(config, 10), loss="mse")
    image = np.ones((1, 8, 8, 3), np.float32)
    truth = np.zeros((1, 8, 8, 3), np.float32)
    model.train_on_batch(image, truth)
    model.save(tmp_path / "last.keras")
    again = keras.saving.load_model(tmp_path / "last.keras")
    assert again.optimizer.l2 == 0.25
    assert again.optimizer.momentum == 0.9
    for one, other in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
