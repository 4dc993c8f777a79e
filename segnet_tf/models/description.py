"""What a user may know of an architecture before building it, read from its code and its row."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from segnet_tf.errors import UserError, did_you_mean
from segnet_tf.models.pretrained import encoders, shipped
from segnet_tf.models.registry import ARCHITECTURES, NAMES

# Arguments that every architecture has and that are no options of one.
_COMMON = ("num_classes", "input_shape", "name")


@dataclass(frozen=True)
class Option:
    """An argument that an architecture has for itself.

    Attributes:
        name: of the argument.
        default: what is taken if it is not given.
        meaning: what its docstring says of it, on one line; "" for nothing.
    """

    name: str
    default: object
    meaning: str


@dataclass(frozen=True)
class Description:
    """What is known of an architecture.

    Attributes:
        name: one of `segnet_tf.models.NAMES`.
        summary: the first sentence of its docstring.
        paper: where it comes from.
        weights: what `segnet_tf.models.build` takes as `weights` beside files of the same
            architecture: the weights in the package, then an encoder's from elsewhere, by name or
            by how the file ends, e.g. `("camvid", "imagenet", ".pth")`.
        encoder_weights: those that it takes only with an `encoder` of
            `segnet_tf.models.pretrained.encoders.NAMES`, and has another.
        options: in the order of the signature.
    """

    name: str
    summary: str
    paper: str
    weights: tuple[str, ...]
    encoder_weights: tuple[str, ...]
    options: tuple[Option, ...]


def describe(name: str, given: Mapping[str, object] | None = None) -> Description:
    """Describes an architecture.

    Args:
        name: one of `segnet_tf.models.NAMES`.
        given: options that are not at their defaults, which may decide the weights.

    Raises:
        UserError: there is none of that name.
    """
    check_name(name)
    row = ARCHITECTURES[name]
    text = inspect.getdoc(row.function) or ""
    meanings = _meanings(text)
    options = tuple(
        Option(parameter.name, parameter.default, meanings.get(parameter.name, ""))
        for parameter in inspect.signature(row.function).parameters.values()
        if parameter.name not in _COMMON
    )
    values = {option.name: option.default for option in options} | dict(given or {})
    pretrained = tuple(row.pretrained)
    is_known = values.get("encoder", encoders.NAMES[0]) in encoders.NAMES
    return Description(
        name,
        text.partition("\n\n")[0].replace("\n", " "),
        row.paper,
        (*_shipped(name), *(pretrained if is_known else ())),
        () if is_known else pretrained,
        options,
    )


def check_name(name: object) -> None:
    """Raises UserError unless `name` is one of `NAMES`."""
    if name not in ARCHITECTURES:
        raise UserError(
            f"`name` must be one of the networks here. Received: name={name!r}. "
            f"{did_you_mean(name, NAMES)}"
        )


def check_options(name: str, given: Iterable[str]) -> None:
    """Raises UserError unless an architecture has all options that are given."""
    known = [option.name for option in describe(name).options]
    for option in given:
        if option not in (*known, *_COMMON):
            raise UserError(
                f"`options` must be ones that {name} has. Received: {option}. "
                f"{did_you_mean(option, known)}"
            )


def _meanings(docstring: str) -> dict[str, str]:
    """What the section "Args:" says of each argument."""
    section = re.search(r"^Args:\n((?: .*\n|\n)*)", docstring + "\n", re.MULTILINE)
    entries = re.findall(
        r"^ {4}([\w, ]+): (.*(?:\n {8}.*)*)", section[1] if section else "", re.MULTILINE
    )
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def _shipped(name: str) -> list[str]:
    """What the weights in the package are called that an architecture takes without options."""
    found = []
    for file in shipped.names():
        # The longest: "unet_plus_plus_camvid" is none of `unet`.
        owner = max((n for n in NAMES if file.startswith(f"{n}_")), key=len, default=None)
        if owner == name and not shipped.options(file):
            found.append(file.removeprefix(f"{name}_"))
    return found
