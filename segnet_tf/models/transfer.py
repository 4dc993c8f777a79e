"""Weights of another model, layer by layer: what fits is taken, and the rest stays fresh."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Transfer:
    """Which layers with weights took some, and which stayed as they were.

    Attributes:
        taken, fresh: their names, in the order of the model.
    """

    taken: tuple[str, ...]
    fresh: tuple[str, ...]

    def text(self, source: str) -> str:
        """A line for the user."""
        fresh = ", ".join(self.fresh) or "none"
        return f"{len(self.taken)} layers start from {source}; fresh: {fresh}"


def take_what_fits(model: keras.Model, source: keras.Model) -> Transfer:
    """Gives each layer of `model` the weights of the layer of `source` with its name, in place.

    A layer whose weights differ from that layer's in one shape takes none of them.
    """
    theirs = {layer.name: layer for layer in source.layers}
    taken = []
    for layer in _with_weights(model):
        other = theirs.get(layer.name)
        if other is not None and _shapes(other) == _shapes(layer):
            layer.set_weights(other.get_weights())
            taken.append(layer.name)
    return of_layers(model, taken)


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


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in layer.weights]
