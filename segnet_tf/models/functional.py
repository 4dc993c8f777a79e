"""The graph of a Functional model: its nodes in order, and the shapes between them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from segnet_tf.errors import UserError


@dataclass(frozen=True)
class Step:
    """One call of a layer or operation.

    Attributes:
        operation: a `keras.Layer` or an operation of `keras.ops`.
        arguments, keywords: what it is called with, with `keras.KerasTensor` for tensors.
        outputs: all that it gives.
    """

    operation: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    outputs: tuple[keras.KerasTensor, ...]

    def tensors(self) -> list[keras.KerasTensor]:
        """The tensors among the arguments."""
        flat = keras.tree.flatten((self.arguments, self.keywords))
        return [value for value in flat if isinstance(value, keras.KerasTensor)]

    def named(self) -> dict[str, Any]:
        """The arguments by name."""
        signature = inspect.signature(self.operation.call)
        return signature.bind(*self.arguments, **self.keywords).arguments

    def is_a(self, names: set[str]) -> bool:
        """Whether its class, or one that is derived from, is Keras's of such a name."""
        return any(
            base.__name__ in names and base.__module__.partition(".")[0] == "keras"
            for base in type(self.operation).__mro__
        )


def functional_of(model: keras.Model) -> keras.Model:
    """The graph of a model, whose layers can be walked.

    Raises:
        UserError: the model is subclassed.
    """
    functional = getattr(model, "_functional", None) or model
    if not hasattr(functional, "_nodes_by_depth"):
        raise UserError(
            "`model` must be a Functional or Sequential Keras model, its layers are walked one by "
            f"one. Received: {type(model).__name__}."
        )
    return functional


def nodes_in_order(functional: keras.Model) -> list[Any]:
    """The calls of a graph's layers in the order in which Keras makes them, inputs left out."""
    return [
        node
        for depth in sorted(functional._nodes_by_depth, reverse=True)
        for node in functional._nodes_by_depth[depth]
        if not node.is_input
    ]


def trace(
    model: keras.Model, inputs: Sequence[keras.KerasTensor]
) -> tuple[list[Step], list[keras.KerasTensor]]:
    """Each call that `model` makes for inputs of these shapes; no value is computed.

    A model in the model is one of its layers to Keras, but not here: its own calls are listed.

    Args:
        model: a Functional or Sequential model; may be nested.
        inputs: one for each input of the model.

    Returns:
        The calls in order, and the model's outputs.

    Raises:
        UserError: the model is subclassed.
        ValueError: a layer cannot take such a shape; the message is Keras's.
    """
    functional = functional_of(model)
    values = dict(zip(map(id, functional.inputs), inputs, strict=True))
    steps: list[Step] = []
    for node in nodes_in_order(functional):
        operation = node.operation
        arguments, keywords = node.arguments.fill_in(values)
        if hasattr(getattr(operation, "_functional", None) or operation, "_nodes_by_depth"):
            inner, outputs = trace(operation, [values[id(t)] for t in node.input_tensors])
            steps += inner
        else:
            outputs = keras.tree.flatten(operation.compute_output_spec(*arguments, **keywords))
            steps.append(Step(operation, arguments, keywords, tuple(outputs)))
        values.update(zip(map(id, node.outputs), outputs, strict=True))
    return steps, [values[id(output)] for output in functional.outputs]
