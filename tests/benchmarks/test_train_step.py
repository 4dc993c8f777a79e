"""benchmarks/train_step.py: what takes turns and what is written, never how fast."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tiny_models
import train_step
from rivals import keras_steps, networks, torch_runner

from segnet_tf import models
from segnet_tf.comparison import training_step
from segnet_tf.config import TrainConfig
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

SIZE = (64, 64)
TINY = ["--size", "32x32", "--batch-size", "1", "--model-option", "widths=(2,2,2,2,2)"]


def test_pytorch_gets_lite_s_blocks():
    model = models.build("segnet_lite", 5, (*SIZE, 3), **tiny_models.NARROW["segnet_lite"])
    layers = networks.layer_list(model)
    kinds = [kind for kind, _, _ in layers]
    assert kinds.count("pool") == kinds.count("unpool") == 3
    # EfficientNet-Lite0's blocks but the first of each stage add to their input, 9; three
    # shortcuts of pooled maps.
    assert kinds.count("add") == 12
    assert {kind for kind in kinds if kind.startswith("depthwise")} == {
        *("depthwise3", "depthwise5", "depthwise3/2", "depthwise5/2")
    }
    # Both that are added are a projection, normalized, or a sum.
    for kind, _, inputs in layers:
        assert kind != "add" or {kinds[place] for place in inputs} <= {"norm", "add"}


@pytest.mark.torch
@pytest.mark.parametrize("name", ["segnet", "segnet_mini", "segnet_lite"])
def test_pytorch_computes_the_same_and_learns(name):
    """With our weights, so that its step does the work of ours."""
    import torch
    from torch import nn

    keras.utils.set_random_seed(0)
    model = tiny_models.alive(models.build(name, 5, (*SIZE, 3), **tiny_models.NARROW[name]))
    twin = torch_runner.network(networks.layer_list(model))
    steps = [step for step in twin.modules() if isinstance(step, (nn.Conv2d, nn.BatchNorm2d))]
    weighted = [layer for layer in model.layers if layer.weights]
    for step, layer in zip(steps, weighted, strict=True):
        arrays = layer.get_weights()
        if isinstance(step, nn.BatchNorm2d):
            step.eps = layer.epsilon
            targets = [step.weight, step.bias, step.running_mean, step.running_var]
        else:
            order = (
                (2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (3, 2, 0, 1)
            )
            arrays[0] = arrays[0].transpose(order)
            targets = [step.weight, step.bias][: len(arrays)]
        for target, array in zip(targets, arrays, strict=True):
            target.data.copy_(torch.from_numpy(array.copy()))
    outputs = [model.get_layer("normalization").output, model.output]
    normalized, expected = keras.Model(model.input, outputs)(tiny_models.images(SIZE)[0])
    with torch.no_grad():
        image = torch.from_numpy(normalized.numpy().transpose(0, 3, 1, 2).copy())
        found = twin(image).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    before = [parameter.detach().clone() for parameter in twin.parameters()]
    torch_runner.training_step(twin, SIZE, 2)()
    assert not any(map(torch.equal, before, twin.parameters()))


@pytest.mark.slow
def test_the_network_without_indices_learns_alike():
    config = TrainConfig(
        data="synthetic:2",
        size=SIZE,
        batch_size=2,
        limit_val=1,
        model_options={"widths": (2, 3, 4, 5, 6)},
    )
    model, batches = training_step.opened(config, None)
    twin = networks.plain_steps(model)
    types = {type(layer) for layer in twin.layers}
    assert not types & {MaxPoolingWithArgmax2D, MaxUnpooling2D}
    assert types >= {keras.layers.MaxPooling2D, keras.layers.UpSampling2D}
    assert [id(v) for v in twin.trainable_variables] == [id(v) for v in model.trainable_variables]
    before = [variable.numpy() for variable in twin.trainable_variables]
    assert next(training_step.step_seconds(twin, batches)) > 0
    for variable, old in zip(twin.trainable_variables, before, strict=True):
        assert not np.array_equal(variable.numpy(), old), variable.path


@pytest.mark.slow
def test_the_pooling_alone_has_the_networks_maps():
    model = tiny_models.two_stages()
    gradients = keras_steps.pooling_alone(model, tiny_models.images()[0])()
    shapes = [tuple(gradient.shape[1:]) for gradient in gradients]
    # Two stages of 4 and 6 channels, deepest first: what is pooled, then what is unpooled.
    assert shapes == [(16, 24, 6), (32, 48, 4), (8, 12, 6), (16, 24, 4)]
    pooled = gradients[1].numpy()
    assert np.count_nonzero(pooled) <= pooled.size / 4


@pytest.mark.slow
def test_the_report_has_every_ratio(tmp_path, capsys):
    report = tmp_path / "out.json"
    arguments = [*TINY, "--models", "segnet_mini", "--seconds", "0.1", "--no-torch"]
    assert train_step.main([*arguments, "--json", str(report)]) == 0
    content = json.loads(report.read_text())
    found = content["segnet_mini"]
    assert content["no_pytorch"] == "left out" and "ratio_to_pytorch" not in found
    rows = found["variants"]
    assert list(rows) == ["kernel", "portable", "no_indices"]
    assert rows["no_indices"]["ratio_to_no_indices"] == 1 and found["rounds"] >= 10
    assert found["ratio_to_no_indices"] == rows["kernel"]["ratio_to_no_indices"] > 0
    assert 0 < found["pooling_share"] < 1
    for row in rows.values():
        assert (
            row["ms"] > 0
            and row["cpu_ms"] > 0
            and row["process_bytes"] > row["bare_process_bytes"] > 100e6
        )
    said = capsys.readouterr()
    assert said.out.count("No PyTorch row: left out.") == 1
    assert "taking turns" in said.err


def test_without_pytorch_it_says_so(monkeypatch):
    monkeypatch.setattr(torch_runner.importlib.util, "find_spec", lambda name: None)
    assert torch_runner.unavailable() == "PyTorch is not installed (the extra `torch`)"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "64x50"], "`size` must be divisible by 32"),
        (["--models", "segnet_mini,nonet"], "`models` must be some of segnet, segnet_mini"),
        (["--batch-size", "0"], "at least 1"),
    ],
)
def test_bad_input_is_one_line(arguments, words, capsys, tmp_path):
    report = tmp_path / "out.json"
    assert train_step.main([*arguments, "--json", str(report)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("train_step: ") and error.count("\n") == 1
    assert words in error
    assert not report.exists()
