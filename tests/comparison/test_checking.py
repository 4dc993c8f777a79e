"""What a comparison refuses before its first training, in the words of its subprocess."""

from __future__ import annotations

import json

import pytest

from segnet_tf.comparison import worker
from segnet_tf.comparison.measurements import Job
from segnet_tf.config import TrainConfig

SIZE = (32, 64)


@pytest.mark.parametrize(
    ("changes", "size", "said"),
    [
        (
            {"model_options": {"butter": 1}},
            SIZE,
            "row: `options` must be ones that segnet_mini has",
        ),
        ({"model": "segnet_minni"}, SIZE, "row: `name` must be one of the networks here"),
        ({"initial_weights": "imagenet"}, SIZE, "row: `weights='imagenet'` are an encoder's"),
        ({}, (16, 64), "row: `size` must be a size that the network can halve"),
    ],
)
def test_what_cannot_be_trained_is_found_before_any_training(changes, size, said, tmp_path, capsys):
    fields = {"model": "segnet_mini", "model_options": {"widths": [4] * 5}, "data": "synthetic:4"}
    good = Job("good", tmp_path, TrainConfig(**fields, size=SIZE), SIZE, ("val",))
    bad = Job("row", tmp_path, TrainConfig(**(fields | changes), size=SIZE), size, ("val",))
    assert worker.main(["check", json.dumps([good.to_json()])]) == 0
    assert worker.main(["check", json.dumps([good.to_json(), bad.to_json()])]) == worker.REFUSED
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
