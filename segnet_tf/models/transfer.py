"""Weights of another model, layer by layer: what fits is taken, and the rest stays fresh.

Of another architecture that is its encoder. A decoder and a classifier have learned to read the
maps of their own network: a shape that happens to be the same does not make them fit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import keras

from segnet_tf.errors import UserError

# How the names of an encoder's layers begin, in every network here.
_ENCODER = "encoder"


@dataclasses.dataclass(frozen=True)
class Transfer:
    """Which layers with weights took some, and which stayed as they were.

    Attributes:
        taken, fresh: their names, in the order of the model.
        kind: what is said of those that were taken.
    """

    taken: tuple[str, ...]
    fresh: tuple[str, ...]
    kind: str = "layers"

    def text(self, source: str) -> str:
        """A line for the user."""
        fresh = ", ".join(self.fresh) or "none"
        return f"{len(self.taken)} {self.kind} start from {source}; fresh: {fresh}"


def take_what_fits(
    model: keras.Model, source: keras.Model, given: object, argument: str
) -> Transfer:
    """Gives each layer of `model` the weights of the layer of `source` with its name, in place.

    A layer whose weights differ from that layer's in one shape takes none of them. Of another
    architecture only the encoder is taken, and of another encoder nothing.

    Args:
        given: what the user called `source`, for the error.
        argument: what the user gave it for, e.g. "weights".

    Raises:
        UserError: no layer takes any.
    """
    theirs = {layer.name: layer for layer in _with_weights(source)}
    names = {layer.name for layer in _with_weights(model)}
    # A model may be called otherwise than its architecture.
    is_same = source.name == model.name or names == set(theirs)
    taken = []
    if _of_encoder(names) == _of_encoder(theirs):
        for layer in _with_weights(model):
            other = theirs.get(layer.name)
            if not is_same and not layer.name.startswith(_ENCODER):
                continue
            if other is not None and _shapes(other) == _shapes(layer):
                layer.set_weights(other.get_weights())
                taken.append(layer.name)
    if not taken:
        raise UserError(
            f"`{argument}` must be of the same architecture as {model.name}, or of one with the "
            f"same encoder and widths. Received: {given}, a {source.name}, of which no layer fits. "
            "Take another model, or give this one the options of that one."
        )
    found = of_layers(model, taken)
    return found if is_same else dataclasses.replace(found, kind="layers of the encoder")


def of_layers(model: keras.Model, taken: Iterable[str]) -> Transfer:
    """The `Transfer` after which the layers `taken` of `model` have weights from elsewhere."""
    names = [layer.name for layer in _with_weights(model)]
    known = set(taken)
    return Transfer(
        tuple(name for name in names if name in known),
        tuple(name for name in names if name not in known),
    )


def _with_weights(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if layer.weights]


def _of_encoder(names: Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith(_ENCODER)}


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in layer.weights]
