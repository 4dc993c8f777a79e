"""The configuration of a run: its rules, and its way through JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from segnet_tf.config import TrainConfig
from segnet_tf.config_files import RECIPES, read_config
from segnet_tf.errors import UserError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "`epochs` must be at least 1. Received: epochs=0"),
        ({"optimizer": "adam"}, "`optimizer` must be one of adamw, sgd"),
        ({"decay": "l1", "optimizer": "sgd"}, "`decay` must be one of decoupled, l2"),
        (
            {"decay": "l2"},
            "`decay` must be decoupled unless `optimizer` is sgd. Received: decay=l2",
        ),
        ({"val_split": 3}, "`val_split` must be text. Received: val_split=3"),
        ({"model": None}, "`model` must be text. Received: model=None"),
        ({"model_options": 3}, "`model_options` must be a table of options"),
        (
            {"model_options": {"num_classes": 3}},
            "`model_options` must be those of one architecture. Received: num_classes",
        ),
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


@pytest.mark.parametrize("name", sorted(file.stem for file in RECIPES.glob("*.toml")))
def test_recipes_are_configurations_and_open_with_what_to_expect(name):
    config = TrainConfig.from_json(read_config(name))
    assert name.startswith(config.model)
    head = (RECIPES / f"{name}.toml").read_text("utf-8").split("\nmodel")[0]
    assert all(word in head for word in ("architecture", "cost", "expected", f"--config {name}"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no_such_recipe", None, "or one of .*segnet_lite_camvid, .* Received: no_such_recipe"),
        ("missing.toml", None, "must be a readable TOML file"),
        ("broken.toml", "epochs = ", "must be valid TOML"),
        ("broken.json", "{", "must be valid JSON"),
    ],
)
def test_bad_configuration_file_says_why(name, content, message, tmp_path):
    path = tmp_path / name if "." in name else name
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        read_config(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("epochs", 2.5), ("batch_size", "4"), ("size", (64.0, 64)), ("limit_train", 1.5)],
)
def test_whole_numbers_are_asked_for_at_once(field, value):
    with pytest.raises(UserError, match=f"`{field}` must be .*whole number") as error:
        TrainConfig(**{field: value})
    assert "\n" not in str(error.value)


def test_numbers_of_numpy_become_json():
    config = TrainConfig(epochs=np.int64(2), size=np.array([64, 96]), seed=np.uint8(3))
    again = TrainConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert (again.epochs, again.size, again.seed) == (2, (64, 96), 3)
