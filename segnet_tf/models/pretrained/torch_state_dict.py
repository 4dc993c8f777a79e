"""Weights of the PyTorch SegNet, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.models.architectures.segnet import ENCODER_CONVS


def _names() -> dict[str, tuple[str, str]]:
    """PyTorch's prefix -> (our layer, its kind). Each block is a Sequential of conv, BN, ReLU."""
    names = {"final": ("classifier", "conv")}
    for side, ours in (("enc", "encoder"), ("dec", "decoder")):
        for stage, count in enumerate(ENCODER_CONVS, start=1):
            for index in range(count):
                names[f"{side}{stage}.{3 * index}"] = (f"{ours}{stage}_conv{index + 1}", "conv")
                names[f"{side}{stage}.{3 * index + 1}"] = (f"{ours}{stage}_bn{index + 1}", "bn")
    return names


def load_torch_state_dict(model: keras.Model, state_dict: Mapping[str, Any]) -> None:
    """Fills a `segnet` of layout `"torch"` with a PyTorch SegNet's weights, in place.

    Args:
        model: `build("segnet", ...)`; `normalization="none"` if the PyTorch network was fed
            normalized images and yours are too.
        state_dict: `module.state_dict()`, tensors or NumPy arrays, names `enc1.0.weight` to
            `final.bias`.

    Raises:
        UserError: names or shapes differ; nothing has been written to the model then.
    """
    arrays = {
        key: np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        for key, value in state_dict.items()
        if not key.endswith("num_batches_tracked")  # Keras counts no batches
    }
    fields = {"conv": ("weight", "bias"), "bn": ("weight", "bias", "running_mean", "running_var")}
    names = _names()
    wanted = {f"{prefix}.{field}" for prefix, (_, kind) in names.items() for field in fields[kind]}
    if wanted != set(arrays):
        missing, unknown = sorted(wanted - set(arrays)), sorted(set(arrays) - wanted)
        raise UserError(
            "`state_dict` must have the names of the PyTorch SegNet. "
            f"Received: {len(missing)} missing {missing[:3]}, {len(unknown)} unknown {unknown[:3]}."
        )
    new_weights = {}
    for prefix, (layer_name, kind) in names.items():
        values = [arrays[f"{prefix}.{field}"] for field in fields[kind]]
        if kind == "conv":
            values[0] = values[0].transpose(2, 3, 1, 0)  # OIHW -> HWIO
        shapes = [tuple(weight.shape) for weight in model.get_layer(layer_name).weights]
        if shapes != [value.shape for value in values]:
            raise UserError(
                f"`state_dict` must fit the model. Received: {prefix} with shapes "
                f"{[value.shape for value in values]} for {layer_name} with {shapes}. "
                "Build the model with the same widths and number of classes."
            )
        new_weights[layer_name] = values
    for layer_name, values in new_weights.items():
        model.get_layer(layer_name).set_weights(values)
