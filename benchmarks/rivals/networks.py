"""SegNet with seeded weights, and the same network with other ways to upsample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from rivals import torch_runner
from segnet_tf import metrics, models
from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export.conversion import calibration, convert, graph
from segnet_tf.export.tflite_file.formats import Format
from segnet_tf.layers import (
    AdaptiveAveragePooling2D,
    BilinearResizing2D,
    EvenPadding2D,
    FusedBatchNormalization,
    MaxPoolingWithArgmax2D,
    MaxUnpooling2D,
)

CLASSES = 11
CALIBRATION_SCENES = 4


def seeded_model(name: str, size: tuple[int, int], widths: tuple[int, ...] | None) -> keras.Model:
    """A model with random weights and batch statistics that leave its activations alive."""
    keras.utils.set_random_seed(0)
    options: dict[str, Any] = {} if widths is None else {"widths": widths}
    if name == "segnet_basic":
        options["normalization"] = "signed"
    model = models.build(name, CLASSES, (*size, 3), **options)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            spread = rng.uniform(0.5, 1.5, (2, *shape))
            shift = rng.normal(0, 0.3, (2, *shape))
            layer.set_weights([spread[0], shift[0], shift[1], spread[1]])
    depth = sum(isinstance(layer, MaxUnpooling2D) for layer in model.layers)
    if any(side % 2**depth for side in size):
        raise UserError(
            f"`size` must be divisible by {2**depth}, since plain upsampling doubles exactly. "
            f"Received: {size[0]}x{size[1]}. Give another --size."
        )
    return model


def plain(model: keras.Model) -> keras.Model:
    """Plain max-pooling and nearest upsampling in place of the indices: the same convolutions."""
    return _rebuilt(model, lambda pooled, skipped: _doubled(pooled))


def plain_steps(model: keras.Model) -> keras.Model:
    """`plain` of a compiled model, compiled alike, to train."""
    twin = plain(model)
    scores = metrics.SegmentationScores(model.output_shape[-1])
    twin.compile(optimizer=model.optimizer, loss=model.loss, metrics=[scores])
    return twin


def unet(model: keras.Model) -> keras.Model:
    """Each stage's map joins the decoder's, doubled to its size, instead of the indices.

    The first convolution of each decoder stage so reads more channels; its weights are new.
    """

    def joined(pooled, skipped):
        return keras.layers.Concatenate()([_doubled(pooled), skipped])

    return _rebuilt(model, joined)


def transposed(model: keras.Model) -> keras.Model:
    """A 2x2 transpose convolution of stride 2 for every unpooling, of as many channels."""

    def upsampled(pooled, skipped):
        return keras.layers.Conv2DTranspose(pooled.shape[-1], 2, strides=2)(pooled)

    return _rebuilt(model, upsampled)


# name -> the network made of SegNet; SegNet itself first, the one without indices second.
NETWORKS: dict[str, Callable[[keras.Model], keras.Model]] = {
    "segnet": lambda model: model,
    "plain": plain,
    "unet": unet,
    "transposed": transposed,
}


# What the PyTorch twin has under another name, with no number of its own.
TWINS: dict[type, str] = {
    keras.layers.BatchNormalization: "norm",
    FusedBatchNormalization: "norm",
    MaxPoolingWithArgmax2D: "pool",
    MaxUnpooling2D: "unpool",
    EvenPadding2D: "even",
    BilinearResizing2D: "resize",
    keras.layers.Add: "add",
    keras.layers.Concatenate: "concatenate",
}


def layer_list(model: keras.Model) -> list[torch_runner.Entry]:
    """The network for PyTorch: kind, channels of the output, and the places of its inputs.

    ("conv3", 8, [-1]), ("depthwise5/2", 8, [0]) with a stride, ("conv1+bias", 11, [1]),
    ("average6", 8, [1])... The input's place is -1.

    Raises:
        UserError: it has a layer that `torch_runner` doesn't know.
    """
    found: list[torch_runner.Entry] = []
    places: dict[str, int] = {}
    for layer in model.layers:
        if isinstance(layer, (keras.layers.InputLayer, keras.layers.Rescaling)):
            places[layer.name] = -1
            continue
        kind = _kind(layer)
        if kind is None:
            raise UserError(
                "`model` must be made of layers that the PyTorch twin has. "
                f"Received: {type(layer).__name__} at {layer.name}. Give --no-torch."
            )
        inputs = [
            places[tensor._keras_history.operation.name]
            for tensor in keras.tree.flatten(layer.input)
        ]
        places[layer.name] = len(found)
        output = keras.tree.flatten(layer.output)[0]
        found.append((kind, output.shape[-1], inputs))
    return found


def _kind(layer: keras.layers.Layer) -> str | None:
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        if layer.dilation_rate != (1, 1):
            return None
        kind = "depthwise" if isinstance(layer, keras.layers.DepthwiseConv2D) else "conv"
        stride = "" if layer.strides == (1, 1) else f"/{layer.strides[0]}"
        return f"{kind}{layer.kernel_size[0]}{stride}{'+bias' if layer.use_bias else ''}"
    if isinstance(layer, keras.layers.ReLU):
        return "relu" if layer.max_value is None else f"relu{layer.max_value:g}"
    if isinstance(layer, AdaptiveAveragePooling2D):
        return f"average{layer.bins}"
    return TWINS.get(type(layer))


def exported(model: keras.Model, size: tuple[int, int], format: Format) -> bytes:
    """The .tflite file of a network, calibrated on a few synthetic scenes for int8."""
    ranges = None
    if format == "int8":
        scenes = synthetic.samples("train", size=size, count=CALIBRATION_SCENES)
        images = calibration.calibration_images(scenes, CALIBRATION_SCENES, size)
        ranges = calibration.measure_ranges(model, images)
    return convert.convert(model, size, format, ranges=ranges)


def _doubled(x):
    return keras.layers.UpSampling2D(2, dtype=x.dtype)(x)


def _rebuilt(model: keras.Model, upsampled: Callable[[Any, Any], Any]) -> keras.Model:
    """The same layers and weights, but for pooling and `upsampled(pooled, skipped)`."""

    def pool(layer, x):
        return keras.layers.MaxPooling2D(2, padding=layer.padding, dtype=x.dtype)(x), x

    def unpool(layer, pooled, skipped, output_size=None):
        return upsampled(pooled, skipped)

    def convolution(layer, x):
        if x.shape[-1] == layer.kernel.shape[2]:
            return None  # the layer itself, with its weights
        return keras.layers.Conv2D.from_config(layer.get_config())(x)

    image = keras.Input(model.input_shape[1:])
    handlers: dict[type, graph.Handler] = {
        MaxPoolingWithArgmax2D: pool,
        MaxUnpooling2D: unpool,
        keras.layers.Conv2D: convolution,
    }
    return keras.Model(image, graph.walk(model, image, handlers, lambda name, value: value))
