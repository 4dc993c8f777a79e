"""Weights of PyTorch by name: a whole SegNet's, or those of a VGG16 as torchvision calls them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.models.architectures.segnet import ENCODER_CONVS
from segnet_tf.models.blocks import NORMALIZATIONS
from segnet_tf.models.pretrained.pth import read_pth, unwrapped
from segnet_tf.models.transfer import of_layers

# PyTorch's prefix -> (our layer, its kind).
Names = dict[str, tuple[str, str]]
# The first tensor of each network that is known here; what stands before it in a state dict stands
# before all: DataParallel's `module.`, torch.compile's `_orig_mod.`, Lightning's `model.`.
_FIRST = ("enc1.0.weight", "features.0.weight", "_conv_stem.weight")
_FIELDS = {"conv": ("weight", "bias"), "bn": ("weight", "bias", "running_mean", "running_var")}


def plain_names(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict out of what a training saved, without what wrappers put before the names."""
    found = dict(unwrapped(state_dict))
    for first in _FIRST:
        names = [name for name in found if name == first or name.endswith(f".{first}")]
        if len(names) == 1:
            prefix = names[0].removesuffix(first)
            return {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def load(model: keras.Model, weights: str) -> None:
    """Loads a `.pth` file as `load_torch_state_dict` loads what is in it."""
    load_torch_state_dict(model, read_pth(weights))


def load_torch_state_dict(model: keras.Model, state_dict: Mapping[str, Any]) -> None:
    """Fills a `segnet` with weights of PyTorch, in place.

    They are those of a whole SegNet, for layout `"torch"`, or for the encoder alone of
    torchvision's VGG16, with or without batch normalization. Then a line is printed that names what
    stays fresh.

    Args:
        model: `build("segnet", ...)`; `normalization="none"` if the PyTorch network was fed
            normalized images and yours are too, `"imagenet"` for torchvision's weights.
        state_dict: `module.state_dict()`, tensors or NumPy arrays, names `enc1.0.weight` to
            `final.bias` or `features.0.weight` and so on. They may follow a prefix, such as
            `module.`, and stand under a key, such as `"state_dict"`.

    Raises:
        UserError: names or shapes differ; nothing has been written to the model then.
    """
    arrays = {
        key: np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        for key, value in plain_names(state_dict).items()
        # Keras counts no batches, and an averaged model's count is no weight.
        if not key.endswith("num_batches_tracked") and key != "n_averaged"
    }
    is_encoder = "features.0.weight" in arrays
    names = _vgg16_names("features.1.running_mean" in arrays) if is_encoder else _segnet_names()
    wanted = {f"{prefix}.{field}" for prefix, (_, kind) in names.items() for field in _FIELDS[kind]}
    missing, unknown = sorted(wanted - set(arrays)), sorted(set(arrays) - wanted)
    if missing or (unknown and not is_encoder):
        raise UserError(
            "`state_dict` must have the names of the PyTorch SegNet, or of torchvision's VGG16. "
            f"Received: {len(missing)} missing {missing[:3]}, {len(unknown)} unknown {unknown[:3]}."
        )
    new_weights = _by_layer(model, names, arrays)
    for layer_name, values in new_weights.items():
        model.get_layer(layer_name).set_weights(values)
    if is_encoder:
        _check_normalization(model)
        left = sorted({name.split(".")[0] for name in unknown})
        without = f" (not used: {', '.join(left)})" if left else ""
        print(of_layers(model, new_weights).text(f"torchvision's VGG16{without}"), flush=True)


def _segnet_names() -> Names:
    """Each block is a Sequential of convolution, batch normalization, ReLU."""
    names = {"final": ("classifier", "conv")}
    for side, ours in (("enc", "encoder"), ("dec", "decoder")):
        for stage, count in enumerate(ENCODER_CONVS, start=1):
            for index in range(count):
                names[f"{side}{stage}.{3 * index}"] = (f"{ours}{stage}_conv{index + 1}", "conv")
                names[f"{side}{stage}.{3 * index + 1}"] = (f"{ours}{stage}_bn{index + 1}", "bn")
    return names


def _vgg16_names(has_bn: bool) -> Names:
    """One Sequential of all: convolution, batch normalization if any, ReLU; a pooling a stage."""
    names, place = {}, 0
    for stage, count in enumerate(ENCODER_CONVS, start=1):
        for index in range(1, count + 1):
            names[f"features.{place}"] = (f"encoder{stage}_conv{index}", "conv")
            if has_bn:
                names[f"features.{place + 1}"] = (f"encoder{stage}_bn{index}", "bn")
            place += 3 if has_bn else 2
        place += 1
    return names


def _by_layer(
    model: keras.Model, names: Names, arrays: Mapping[str, np.ndarray]
) -> dict[str, list[np.ndarray]]:
    """The weights of each layer in Keras's order and layout."""
    found = {}
    for prefix, (layer_name, kind) in names.items():
        values = [arrays[f"{prefix}.{field}"] for field in _FIELDS[kind]]
        if kind == "conv" and values[0].ndim == 4:
            values[0] = values[0].transpose(2, 3, 1, 0)  # OIHW -> HWIO
        shapes = [tuple(weight.shape) for weight in model.get_layer(layer_name).weights]
        if shapes != [value.shape for value in values]:
            raise UserError(
                f"`state_dict` must fit the model. Received: {prefix} with shapes "
                f"{[value.shape for value in values]} for {layer_name} with {shapes}. "
                "Build the model with the same widths, channels and number of classes."
            )
        found[layer_name] = values
    return found


def _check_normalization(model: keras.Model) -> None:
    layer = next((layer for layer in model.layers if layer.name == "normalization"), None)
    table = NORMALIZATIONS["imagenet"]
    if layer is None or (table and np.allclose(layer.scale, table[0])):
        return
    warnings.warn(
        "torchvision's VGG16 was trained on images normalized by ImageNet's mean and standard "
        "deviation. Received: a model with another normalization, for which its weights are wrong. "
        "Build it with normalization='imagenet'.",
        stacklevel=3,
    )
