"""What the checks of a configuration share: whole numbers, options of a model, the refusal."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, NoReturn

from segnet_tf.errors import UserError


def check_model_options(options: Iterable[str]) -> None:
    """Raises UserError for what every architecture is given by an option of its own."""
    for name in ("num_classes", "input_shape", "weights"):
        if name in options:
            raise UserError(
                f"`model_options` must be those of one architecture. Received: {name}. Leave it "
                "out: num_classes, size and initial_weights are options of the training."
            )


def whole(name: str, value: Any) -> Any:
    """Whole numbers, one or a tuple, as Python's own int, which JSON can hold; None as it is."""
    if value is None:
        return None
    try:
        whole = operator.index
        return tuple(map(whole, value)) if isinstance(value, tuple) else whole(value)
    except TypeError:
        rule = "must be whole numbers" if isinstance(value, tuple) else "must be a whole number"
        raise UserError(f"`{name}` {rule}. Received: {name}={value}.") from None


def refuse(name: str, rule: str, value: object) -> NoReturn:
    """Raises UserError for a value of a configuration that breaks a rule."""
    raise UserError(f"`{name}` {rule}. Received: {name}={value}.")
