"""What a network costs, from its graph alone: parameters, multiplications, memory of its maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras

from segnet_tf.errors import UserError
from segnet_tf.models.functional import Step, functional_of, trace
from segnet_tf.models.input_size import too_small
from segnet_tf.models.map_memory import IN_PLACE, OWN_LAYERS, VIEWS, alive_bytes

# Classes that multiply no matrix, beside those and this project's own layers.
_FREE = {
    *("LayerNormalization", "GroupNormalization", "UnitNormalization"),
    *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "MaxPool", "Max", "Min", "Mean", "Sum"),
    *("AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "AveragePool"),
    *("GlobalMaxPooling2D", "GlobalAveragePooling2D"),
    *("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"),
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative", "Power", "Square", "Sqrt"),
    *("Average", "Maximum", "Minimum", "Clip", "Exp", "Log", "Absolute", "Abs"),
    *("Concatenate", "Stack", "Split", "GetItem", "Slice", "Permute", "Transpose", "RepeatVector"),
    *("Repeat", "Tile", "BroadcastTo", "Cast", "Pad", "ZeroPadding1D", "ZeroPadding2D"),
    *("Cropping2D", "CenterCrop", "UpSampling2D", "Resizing", "Resize", "Argmax"),
}
_CONVOLUTIONS = (
    *(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D),
    *(keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D),
)
_TRANSPOSED = (
    *(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose),
    keras.layers.Conv3DTranspose,
)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)


@dataclass(frozen=True)
class LayerCost:
    """What one call of a layer costs.

    Attributes:
        name: the layer's.
        shape: of its first output, without the batch, e.g. `(height, width, channels)`.
        macs: its multiply-accumulates.
        alive_bytes: of all maps that are kept while it runs, its inputs and outputs among them.
    """

    name: str
    shape: tuple[int, ...]
    macs: int
    alive_bytes: int


@dataclass(frozen=True)
class Cost:
    """What a network costs for one image.

    Attributes:
        size: `(height, width)` of the image in pixels.
        parameters: all weights, as `model.count_params()` counts them: those that training moves
            and those it does not, e.g. the statistics of batch normalizations.
        trainable_parameters: those that training moves: what papers and PyTorch count.
        macs: multiply-accumulates of convolutions (plain, depthwise, separable, dilated,
            transposed) and dense layers. A convolution has one for each output pixel and element
            of its kernel, those over the padding among them, as papers count; a transposed one has
            one for each *input* pixel and element. Not counted: biases, normalizations,
            activations, pooling, unpooling, resizing, sums and products of maps.
        peak_activation_bytes: the largest sum of maps that are kept at the same time, in float32,
            when the layers run in Keras's order. A map is kept from the layer that makes it to the
            last one that reads it, the image and the output are maps too. Normalizations,
            activations and dropouts take no map of their own where nothing else reads their input.
            A pooling index counts `INDEX_BYTES` = 1 byte. What a layer needs inside itself, and
            the weights, are not counted. A runtime needs at least this in float32, and about a
            quarter in int8.
        layers: each call of a layer, in order.
        uncounted: names of the layers whose class is unknown here: they have 0 `macs`.
    """

    size: tuple[int, int]
    parameters: int
    trainable_parameters: int
    macs: int
    peak_activation_bytes: int
    layers: tuple[LayerCost, ...]
    uncounted: tuple[str, ...]


def cost_of(model: keras.Model, size: tuple[int, int] = (360, 480)) -> Cost:
    """Counts what a network costs. Nothing is computed, so its weights make no difference.

    Args:
        model: a Functional or Sequential model that takes one image, channels last; may be nested.
        size: `(height, width)` of the image in pixels, whatever size the model was built for.

    Raises:
        UserError: the model is subclassed or takes no image, or the size is too small for it.
    """
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise UserError(
            "`model` must take one image (batch, height, width, channels). "
            f"Received: {model.name}, which takes {shape or 'inputs of unknown shape'}. "
            "Build it as a Functional or Sequential model."
        )
    image = keras.KerasTensor((1, *size, shape[3]))
    functional_of(model)
    try:
        steps, outputs = trace(model, [image])
    except ValueError as error:
        raise too_small("size", size, error) from error
    for step in steps:
        if any(None in tensor.shape for tensor in step.outputs):
            raise UserError(
                "`size` must decide the size of every map. "
                f"Received: {size[0]}x{size[1]}, under which {step.operation.name} gives "
                f"{step.outputs[0].shape}."
            )
    macs = [_macs(step) for step in steps]
    alive = alive_bytes(steps, image, outputs)
    unknown = (step.operation.name for step, n in zip(steps, macs, strict=True) if n is None)
    return Cost(
        size=(size[0], size[1]),
        parameters=model.count_params(),
        trainable_parameters=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        macs=sum(number or 0 for number in macs),
        peak_activation_bytes=max(alive, default=0),
        layers=tuple(
            LayerCost(step.operation.name, tuple(step.outputs[0].shape[1:]), number or 0, kept)
            for step, number, kept in zip(steps, macs, alive, strict=True)
        ),
        uncounted=tuple(dict.fromkeys(unknown)),
    )


def _macs(step: Step) -> int | None:
    """The multiply-accumulates of a call; None where the class is unknown."""
    layer = step.operation
    if isinstance(layer, _TRANSPOSED):
        return _positions(step.tensors()[0]) * math.prod(layer.kernel.shape)
    positions = _positions(step.outputs[0])
    if isinstance(layer, _SEPARABLE):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return positions * sum(math.prod(kernel.shape) for kernel in kernels)
    if isinstance(layer, (*_CONVOLUTIONS, keras.layers.Dense)):
        return positions * math.prod(layer.kernel.shape)
    if isinstance(layer, OWN_LAYERS) or step.is_a(IN_PLACE | VIEWS | _FREE):
        return 0
    return None


def _positions(tensor: keras.KerasTensor) -> int:
    """The pixels of a map."""
    return math.prod(tensor.shape[1:-1])
