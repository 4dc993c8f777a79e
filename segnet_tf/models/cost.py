"""What a network costs, from its graph alone: parameters, multiplications, memory of its maps."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from segnet_tf import layers
from segnet_tf.errors import UserError
from segnet_tf.models.functional import Step, trace
from segnet_tf.models.input_size import too_small

BYTES = 4  # of a float32
# A 2x2 window has 4 positions: 2 bits would do, a byte is the least that can be addressed. Keras's
# argmax takes 8 bytes. An exported file keeps three masks of one value each: 3 bytes a window in
# int8, 12 in float32. SegNet's peak is the same with all of them: it is between two convolutions
# at the image's size, where no index is kept.
INDEX_BYTES = 1

# Classes of Keras whose output may take its input's memory: the converter fuses them into the
# convolution before them, or they work value by value.
_IN_PLACE = {
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
    *("BatchNormalization", "Normalization", "Rescaling"),
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Sigmoid", "Silu", "HardSigmoid", "HardSilu", "Tanh"),
}
# Classes whose output is their input, in another shape at most.
_VIEWS = {
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"),
    *("GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity"),
    *("Reshape", "Flatten", "Squeeze", "ExpandDims"),
}
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
_OWN_LAYERS = tuple(getattr(layers, name) for name in layers.__all__)
_CONVOLUTIONS = (
    *(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D),
    *(keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D),
)
_TRANSPOSED = (
    *(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose),
    keras.layers.Conv3DTranspose,
)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
# Arguments of which a layer reads the size and no value: the map need not be kept for it.
_SIZE_ONLY = {"MaxUnpooling2D": "output_size", "BilinearResizing2D": "reference"}


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
    try:
        steps, outputs = trace(model, [image])
    except UserError:
        raise
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
    alive = _alive_bytes(steps, image, outputs)
    unknown = (step.operation.name for step, n in zip(steps, macs, strict=True) if n is None)
    return Cost(
        size=(size[0], size[1]),
        parameters=model.count_params(),
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
        return _positions(_tensors(step)[0]) * math.prod(layer.kernel.shape)
    positions = _positions(step.outputs[0])
    if isinstance(layer, _SEPARABLE):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return positions * sum(math.prod(kernel.shape) for kernel in kernels)
    if isinstance(layer, (*_CONVOLUTIONS, keras.layers.Dense)):
        return positions * math.prod(layer.kernel.shape)
    if isinstance(layer, _OWN_LAYERS) or _is_a(step, _IN_PLACE | _VIEWS | _FREE):
        return 0
    return None


def _alive_bytes(
    steps: Sequence[Step], image: keras.KerasTensor, outputs: Sequence[keras.KerasTensor]
) -> list[int]:
    """The bytes of all maps that are kept during each step."""
    last = {id(tensor): at for at, step in enumerate(steps) for tensor in _read(step)}
    last.update((id(tensor), len(steps)) for tensor in outputs)
    # Tensors that share memory, under the first of them.
    sharing = {id(image): [id(image)]}
    owner = {id(image): id(image)}
    sizes = {id(image): _bytes(image)}
    found = []
    for at, step in enumerate(steps):
        for index, tensor in enumerate(step.outputs):
            if id(tensor) in owner:  # the layer gave back what it got
                continue
            source = owner.get(id(next(iter(_tensors(step)), tensor)))
            shares = _is_a(step, _VIEWS) or (
                _is_a(step, _IN_PLACE)
                and source is not None
                and all(last.get(other, at) <= at for other in sharing[source])
            )
            if source is None or not shares:
                source = id(tensor)
                is_index = index == 1 and isinstance(step.operation, layers.MaxPoolingWithArgmax2D)
                sizes[source] = _bytes(tensor, INDEX_BYTES if is_index else None)
            owner[id(tensor)] = source
            sharing.setdefault(source, []).append(id(tensor))
            last.setdefault(id(tensor), at)
        kept = {source for tensor, source in owner.items() if last.get(tensor, -1) >= at}
        found.append(sum(sizes[source] for source in kept))
    return found


def _tensors(step: Step) -> list[keras.KerasTensor]:
    """The tensors among a call's arguments."""
    flat = keras.tree.flatten((step.arguments, step.keywords))
    return [value for value in flat if isinstance(value, keras.KerasTensor)]


def _read(step: Step) -> list[keras.KerasTensor]:
    """The tensors whose values a call reads."""
    ignored = _SIZE_ONLY.get(type(step.operation).__name__)
    if ignored is None:
        return _tensors(step)
    bound = inspect.signature(step.operation.call).bind(*step.arguments, **step.keywords)
    values = [value for name, value in bound.arguments.items() if name != ignored]
    return [value for value in values if isinstance(value, keras.KerasTensor)]


def _is_a(step: Step, names: set[str]) -> bool:
    """Whether a call's class, or one it is derived from, is Keras's of such a name."""
    return any(
        base.__name__ in names and base.__module__.partition(".")[0] == "keras"
        for base in type(step.operation).__mro__
    )


def _positions(tensor: keras.KerasTensor) -> int:
    """The pixels of a map."""
    return math.prod(tensor.shape[1:-1])


def _bytes(tensor: keras.KerasTensor, each: int | None = None) -> int:
    """The bytes of a tensor, floats in float32."""
    if each is None:
        each = BYTES if "float" in tensor.dtype else np.dtype(tensor.dtype).itemsize
    return math.prod(tensor.shape) * each
