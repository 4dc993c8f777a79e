"""Whole networks compiled by XLA: the step of training that they take without it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf import losses, metrics, models
from segnet_tf.training.preparation import fused


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["segnet_mini", "segnet_lite", "enet"])
def test_a_step_under_xla_is_the_step_without(name):
    """One step: these networks, on so small maps, make much of a rounding error in a few."""
    rng = np.random.default_rng(6)
    images = rng.uniform(0, 255, (2, 45, 61, 3)).astype(np.float32)
    truth = rng.integers(0, 5, (2, 45, 61)).astype(np.uint8)
    truth[:, :3] = 255
    logs, moves = [], []
    for jit in (True, False):
        keras.utils.set_random_seed(1)
        model = fused(models.build(name, 5, (45, 61, 3), **tiny_models.NARROW[name]))
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0  # XLA draws other random numbers
        model.compile(
            # Adam divides by each gradient's size, which makes steps of what is rounding alone:
            # a bias before a batch normalization has a gradient of zero.
            keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=1.0),
            losses.get("crossentropy", 5, class_weights=[1, 2, 1, 1, 1]),
            metrics=[metrics.SegmentationScores(5)],
            jit_compile=jit,
        )
        assert model.jit_compile is jit
        before = [variable.numpy() for variable in model.variables]
        logs.append(model.train_on_batch(images, truth, return_dict=True))
        after = [variable.numpy() for variable in model.variables]
        moves.append([(b - a).astype(float) for a, b in zip(before, after, strict=True)])
    assert logs[0].keys() == logs[1].keys()
    for key, value in logs[0].items():
        np.testing.assert_allclose(value, logs[1][key], rtol=1e-4, atol=1e-3, err_msg=key)
    moving = ["moving_" in variable.path for variable in model.variables]
    # Of the trained weights only the size: a millionth of noise on the images lets some pixels
    # change their argmax or their ReLU, and so moved a step by up to 8 %. test_forms.py holds
    # the layers' gradient to every bit.
    for kind, tolerance in ((True, 1e-3), (False, 0.15)):
        pairs = [pair[:2] for pair in zip(*moves, moving, strict=True) if pair[2] is kind]
        size, apart = (
            sum(np.sum(array**2) for array in arrays) ** 0.5
            for arrays in ([b for _, b in pairs], [a - b for a, b in pairs])
        )
        assert size > 0 and apart < tolerance * size, kind
