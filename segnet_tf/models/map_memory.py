"""Which maps of a network are kept at the same time, and how large they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np

from segnet_tf import layers
from segnet_tf.models.functional import Step

BYTES = 4  # of a float32
# A 2x2 window has 4 positions: 2 bits would do, a byte is the least that can be addressed. Keras's
# argmax takes 8 bytes. An exported file keeps three masks of one value each: 3 bytes a window in
# int8, 12 in float32. SegNet's peak is the same with each of these, 88.5 MB at 360x480: it is
# between two convolutions at the image's size, where no index is kept.
INDEX_BYTES = 1

# Classes of Keras whose output may take its input's memory: the converter fuses them into the
# convolution before them, or they work value by value.
IN_PLACE = {
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
    *("BatchNormalization", "Normalization", "Rescaling"),
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Sigmoid", "Silu", "HardSigmoid", "HardSilu", "Tanh"),
}
# Classes whose output is their input, in another shape at most.
VIEWS = {
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"),
    *("GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity"),
    *("Reshape", "Flatten", "Squeeze", "ExpandDims"),
}
OWN_LAYERS = tuple(getattr(layers, name) for name in layers.__all__)
# Arguments of this project's layers of which they read the size and no value: the map need not be
# kept for it. With a `reference` of the size that the map has already, it is given back as it is.
REFERENCE = "reference"
_SIZE_ONLY = ("output_size", REFERENCE)


def alive_bytes(
    steps: Sequence[Step], image: keras.KerasTensor, outputs: Sequence[keras.KerasTensor]
) -> list[int]:
    """The bytes of all maps that are kept during each step."""
    last = {id(tensor): at for at, step in enumerate(steps) for tensor in values_read(step)}
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
            source = owner.get(id(next(iter(step.tensors()), tensor)))
            shares = _is_view(step) or (
                step.is_a(IN_PLACE)
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


def values_read(step: Step) -> list[keras.KerasTensor]:
    """The tensors whose values a call reads."""
    if not isinstance(step.operation, OWN_LAYERS):
        return step.tensors()
    values = [value for name, value in step.named().items() if name not in _SIZE_ONLY]
    return [value for value in values if isinstance(value, keras.KerasTensor)]


def _is_view(step: Step) -> bool:
    """Whether a call gives what it takes, in another shape at most."""
    if isinstance(step.operation, OWN_LAYERS) and REFERENCE in step.named():
        return step.outputs[0].shape == step.tensors()[0].shape
    return step.is_a(VIEWS)


def _bytes(tensor: keras.KerasTensor, each: int | None = None) -> int:
    """The bytes of a tensor, floats in float32."""
    if each is None:
        each = BYTES if "float" in tensor.dtype else np.dtype(tensor.dtype).itemsize
    return math.prod(tensor.shape) * each
