"""Where a network is divided to be sampled."""

from __future__ import annotations

import numpy as np

from segnet_tf.inference.uncertainty import sample
from segnet_tf.models import build
from segnet_tf.models.stochastic import split


def test_the_trunk_is_all_before_the_first_dropout():
    model = build("segnet_mini", 3, (None, None, 3), widths=(2, 2, 2, 3, 4), bayesian=True)
    parts = split(model, (32, 64))
    trunk = {step.operation.name for step in parts.trunk}
    assert {name for name in trunk if "pool" in name} == {f"encoder{k}_pool" for k in (1, 2, 3, 4)}
    assert not any(name.startswith(("encoder5", "decoder")) for name in trunk)
    assert parts.sampled[0].operation.name == "encoder4_dropout"
    # Large maps of the encoder are read for their size alone: they are not copied for each sample.
    makers = {id(out): step.operation.name for step in parts.trunk for out in step.outputs}
    crossing = [makers[id(tensor)] for tensor in parts.crossing]
    pools = [f"encoder{k}_pool" for k in (1, 2, 3, 4)]
    assert sorted(crossing) == [*pools, pools[-1]]
    assert {makers[id(t)] for t in parts.sizes} == {f"encoder{k}_relu2" for k in (1, 2, 3, 4)}
    images = np.random.default_rng(0).uniform(0, 255, (1, 33, 61, 3))
    found = sample(model, images, 3)
    assert found.probabilities.shape == (1, 33, 61, 3) and found.mutual_information.max() > 0
