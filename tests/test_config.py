"""The configuration of a run: its rules, and its way through JSON."""

import json
import math

import pytest

from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "`epochs` must be at least 1. Received: epochs=0"),
        ({"optimizer": "adam"}, "`optimizer` must be one of adamw, sgd"),
        ({"ema": 1.0}, "`ema` must be at least 0 and below 1"),
        ({"warmup": 30.0}, "`warmup` must be below the 30 epochs"),
        ({"crop": (0, 4)}, "`crop` must be a height and a width"),
        ({"scale": (2.0, 1.0)}, "`scale` must be two factors"),
        ({"learning_rate": math.nan}, "`learning_rate` must be above 0"),
        ({"seed": -1}, "`seed` must be between"),
    ],
)
def test_configuration_rules(changes, message):
    with pytest.raises(UserError, match=message):
        TrainConfig(**changes)


def test_configuration_survives_json():
    config = TrainConfig(crop=(8, 9), scale=(0.5, 2), model_options={"layout": "caffe"})
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    with pytest.raises(UserError, match="Received: config=epoch"):
        TrainConfig.from_json({"epoch": 3})
