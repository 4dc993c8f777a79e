"""The command line `segnet-tf`: a table of its commands."""

from __future__ import annotations

from collections.abc import Sequence

from segnet_tf.cli import (
    calibrate_bn,
    calibrate_temperature,
    check_data,
    command,
    compare,
    evaluate,
    export,
    models,
    pack,
    predict,
    shard,
    train,
    tune_crf,
    verify,
)
from segnet_tf.version import __version__

# Name, what `segnet-tf --help` says of it, module.
COMMANDS: tuple[tuple[str, str, command.Command], ...] = (
    ("check-data", "what is in a data set, what is wrong with it", check_data),
    ("shard", "a data set as TFRecord shards, for object storage", shard),
    ("train", "train a model into a run folder", train),
    ("evaluate", "score a model on a split", evaluate),
    ("predict", "masks and overlays of images or video", predict),
    ("export", "a .tflite file of a model, checked", export),
    ("verify", "check a .tflite file against its model", verify),
    ("models", "the networks, and what each of them costs", models),
    ("compare", "networks trained and measured alike, in one table", compare),
    ("calibrate-bn", "batch statistics anew, over the training images", calibrate_bn),
    ("calibrate-temperature", "probabilities as sure as they should be", calibrate_temperature),
    ("tune-crf", "the CRF that suits a model best", tune_crf),
    ("pack", "a model at half its size, to hand on", pack),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: the arguments; `None` takes those of the process.

    Returns:
        The exit code: 0, 1 if an exported file failed a check, 2 for bad input, 130 when
        interrupted.
    """
    return command.execute(make_parser(), argv)


def make_parser() -> command.Parser:
    """The parser of all commands."""
    parser = command.Parser(
        "segnet-tf",
        description="SegNet in Keras: train, evaluate, predict, and export to .tflite.",
        epilog="`segnet-tf COMMAND --help` lists the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"segnet-tf {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=command.Parser)
    for name, summary, module in COMMANDS:
        subparser = commands.add_parser(name, help=summary)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser
