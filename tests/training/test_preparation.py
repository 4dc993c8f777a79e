"""What is decided before a run's first step: class weights."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_run

from segnet_tf.errors import UserError
from segnet_tf.losses.class_weights import count_pixels
from segnet_tf.training import preparation
from segnet_tf.training.run_training import train


def test_class_weights_as_given_or_counted(tmp_path):
    data = preparation.Data.open(tiny_run.config())
    config = tiny_run.config(class_weights=",".join(["1"] * 10 + ["2.5"]))
    assert preparation.resolved_class_weights(config, data) == [1.0] * 10 + [2.5]
    with pytest.raises(UserError, match="Received: heavy"):
        preparation.resolved_class_weights(tiny_run.config(class_weights="heavy"), data)
    pixels, _ = count_pixels(data.train, 11)
    for name, c in (("enet", 1.02), ("enet:1.5", 1.5)):
        weights = preparation.resolved_class_weights(tiny_run.config(class_weights=name), data)
        np.testing.assert_allclose(weights, 1 / np.log(c + pixels / pixels.sum()))
    with pytest.raises(UserError, match="`c` must be above 1"):
        preparation.resolved_class_weights(tiny_run.config(class_weights="enet:1"), data)
    with pytest.raises(UserError, match="11 weights.*Received: 2"):
        train(tiny_run.config(class_weights="1,2"), tmp_path / "run")
