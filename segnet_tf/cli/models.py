"""`segnet-tf models`: the architectures, and what each of them costs."""

from __future__ import annotations

import argparse
import re
import textwrap
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow
from segnet_tf.system.text_tables import aligned

if TYPE_CHECKING:
    import keras

    from segnet_tf.models.cost import Cost
    from segnet_tf.models.description import Description

CLASSES = 11
SIZE = (360, 480)
MODEL = "run folder, .keras file or weights:NAME"
_WIDTH = 100


@dataclass(frozen=True)
class Row:
    """A network and its cost.

    Attributes:
        name: of the architecture, or what the user calls the model.
        classes: its output's channels.
        cost: for one image.
        description: None for a user's own model.
        given: options that are not at their defaults, as the user wrote them.
    """

    name: str
    classes: int
    cost: Cost
    description: Description | None = None
    given: tuple[str, ...] = ()

    def to_json(self, details: bool) -> dict[str, Any]:
        """The row as JSON types, with options and layers if `details`."""
        content: dict[str, Any] = {"name": self.name, "classes": self.classes}
        if self.description is not None:
            content |= asdict(self.description)
        content |= asdict(self.cost)
        left_out = ("size",) if details else ("size", "layers", "options")
        return {key: value for key, value in content.items() if key not in left_out}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "List the networks with what they cost, or show one of them layer by layer. "
        "Nothing is trained or run."
    )
    parser.epilog = (
        "examples:\n"
        "  segnet-tf models\n"
        "  segnet-tf models segnet --model-option layout=caffe\n"
        "  segnet-tf models --model weights:segnet_lite_camvid --size 256x320"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this one (all, in a list)")
    what = parser.add_argument_group("network and image")
    command.add_model_options(what)
    what.add_argument("--num-classes", type=command.positive, metavar="N", help=f"({CLASSES})")
    what.add_argument("--model", metavar="MODEL", help=f"show a model of your own: {MODEL}")
    what.add_argument(
        "--size", type=command.size, metavar="HxW", help="of the image (the model's or 360x480)"
    )
    command.add_report_options(parser.add_argument_group("report"))


def run(arguments: argparse.Namespace) -> int:
    """Prints the list or the details."""
    _check(arguments)
    command.check_report(arguments)
    options = command.model_options(arguments.model_option)
    start_tensorflow()
    if arguments.model is not None:
        rows = [_own(arguments.model, arguments.size)]
    else:
        from segnet_tf.models import NAMES

        size, classes = arguments.size or SIZE, arguments.num_classes or CLASSES
        names = NAMES if arguments.name is None else (arguments.name,)
        rows = [_architecture(name, classes, size, options) for name in names]
    is_list = arguments.name is None and arguments.model is None
    print(list_text(rows) if is_list else details_text(rows[0]))
    height, width = rows[0].cost.size
    content = {"size": [height, width], "models": [row.to_json(not is_list) for row in rows]}
    write_json(arguments.json, content)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raises UserError for options that mean nothing together."""
    if arguments.model is not None and arguments.name is not None:
        raise UserError(
            "`--model` shows a model of your own, NAME an architecture. "
            f"Received: both, {arguments.model} and {arguments.name}. Leave out one."
        )
    for name in ("model_option", "num_classes"):
        if arguments.model is not None and getattr(arguments, name):
            raise UserError(
                f"`--{name.replace('_', '-')}` is for architectures: a trained model has its own. "
                f"Received: it and --model {arguments.model}. Leave out one."
            )
    if arguments.model_option and arguments.name is None:
        raise UserError(
            "`--model-option` must come with NAME: options are of one architecture. "
            f"Received: {arguments.model_option[0]} and no NAME. "
            "Write it as in segnet-tf models segnet --model-option layout=caffe."
        )


def _architecture(name: str, classes: int, size: tuple[int, int], options: dict[str, Any]) -> Row:
    from segnet_tf import models
    from segnet_tf.models.cost import cost_of
    from segnet_tf.models.description import describe

    description = describe(name, options)
    model = models.build(name, classes, (*size, 3), **options)
    given = tuple(f"{key}={value}" for key, value in options.items())
    return Row(name, classes, cost_of(model, size), description, given)


def _own(name: str, size: tuple[int, int] | None) -> Row:
    from segnet_tf.models.cost import cost_of
    from segnet_tf.runs import load_model

    model: keras.Model = load_model(name)
    height, width = model.input_shape[1:3]
    size = size or (height or SIZE[0], width or SIZE[1])
    return Row(name, model.output_shape[-1], cost_of(model, size))


def list_text(rows: list[Row]) -> str:
    """The table of several networks."""
    height, width = rows[0].cost.size
    lines = [f"{rows[0].classes} classes, one image of {height}x{width} (height x width)", ""]
    table = [("model", "parameters", "GMAC", "peak MB", "weights", "paper")]
    for row in rows:
        known = row.description
        assert known is not None  # A list is of architectures.
        table.append(
            (
                row.name,
                f"{row.cost.trainable_parameters:,}",
                f"{row.cost.macs / 1e9:.2f}",
                f"{row.cost.peak_activation_bytes / 1e6:.1f}",
                ", ".join(known.weights) or "-",
                _short(known.paper),
            )
        )
    lines += aligned(table, right=(1, 2, 3))
    lines += [
        "",
        "parameters: trainable ones, as in papers, without batch normalization's statistics.",
        "GMAC: billions of multiply-accumulates of convolutions. peak MB: the largest sum of maps",
        "that are kept at the same time, in float32. segnet-tf models NAME shows one of them.",
        *_elsewhere(rows),
    ]
    return "\n".join(lines + [_uncounted(row) for row in rows if row.cost.uncounted])


def details_text(row: Row) -> str:
    """One network: what is known of it, its options, its layers."""
    cost, description = row.cost, row.description
    height, width = cost.size
    facts = []
    if description is not None:
        facts.append(("paper", description.paper))
        more = ", ".join(description.encoder_weights)
        weights = ", ".join(description.weights) or "none"
        facts.append(("weights", weights + (f"; {more} with {_encoders()}" if more else "")))
    if row.given:
        facts.append(("with", ", ".join(row.given)))
    peak = max(cost.layers, key=lambda layer: layer.alive_bytes)
    facts += [
        ("image", f"{height}x{width} (height x width), {row.classes} classes"),
        ("parameters", f"{cost.parameters:,}, {cost.trainable_parameters:,} of them trainable"),
        ("GMAC", f"{cost.macs / 1e9:.2f}"),
        ("peak", f"{cost.peak_activation_bytes / 1e6:.1f} MB of maps in float32, at {peak.name}"),
    ]
    lines = [f"{row.name}: {description.summary}" if description else row.name, ""]
    for name, text in facts:
        lines += textwrap.wrap(f"{name:<13}{text}", _WIDTH, subsequent_indent=" " * 13)
    if description is not None and description.options:
        lines += ["", "options, as in --model-option KEY=VALUE"]
        for option in description.options:
            head = f"  {option.name}={option.default}"
            lines += [head] + textwrap.wrap(
                option.meaning, _WIDTH, initial_indent="      ", subsequent_indent="      "
            )
    table = [("layer", "output", "GMAC", "%", "MB kept")]
    for layer in cost.layers:
        if layer.macs or layer is peak:
            share = 100 * layer.macs / max(1, cost.macs)
            kept = f"{layer.alive_bytes / 1e6:.1f}"
            shape = "x".join(map(str, layer.shape))
            table.append((layer.name, shape, f"{layer.macs / 1e9:.3f}", f"{share:.1f}", kept))
    lines += ["", *aligned(table, right=(1, 2, 3, 4))]
    return "\n".join(lines + ([_uncounted(row)] if cost.uncounted else []))


def _uncounted(row: Row) -> str:
    return f"{row.name}: not counted, since unknown: {', '.join(row.cost.uncounted)}"


def _elsewhere(rows: list[Row]) -> list[str]:
    """Lines for the networks that have weights with another encoder than the listed one."""
    takers: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if row.description is not None and row.description.encoder_weights:
            takers.setdefault(row.description.encoder_weights, []).append(row.name)
    lines = []
    for weights, names in takers.items():
        lines += textwrap.wrap(f"{', '.join(weights)}: with {_encoders()}, {', '.join(names)}.", 92)
    return lines


def _encoders() -> str:
    from segnet_tf.models.pretrained import encoders

    return f"encoder={' or '.join(encoders.NAMES)}"


def _short(paper: str) -> str:
    """The first paper without the address that stands before its number."""
    return re.sub(r"https?://arxiv\.org/abs/", "arXiv ", paper.partition(";")[0])
