"""The command line: `segnet-tf train`, `evaluate` and `predict`."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from segnet_tf.errors import UserError

_PREDICT_INPUT = "an image, a folder of images, synthetic, a video file, or camera:0"


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UserErrors: one line, as all the others."""

    def error(self, message: str):
        raise UserError(f"{message}. See `{self.prog} --help`.")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command. Returns its exit status: 0, 2 for bad input, 130 when interrupted."""
    # Of damaged notes in images whose pixels are whole: one line an error, none for these.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        arguments = vars(_parser().parse_args(argv))
        command: Callable[[dict[str, Any]], int] = arguments.pop("command")
        return command(arguments)
    except UserError as error:
        print(f"segnet-tf: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(
            f"segnet-tf: {interrupt.args[0] if interrupt.args else 'interrupted'}.", file=sys.stderr
        )
        return 130
    except BrokenPipeError:  # `segnet-tf evaluate ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="segnet-tf", description="SegNet in Keras: train, evaluate, predict.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _add_train(commands.add_parser("train", help="train a model into a run folder"))
    _add_evaluate(commands.add_parser("evaluate", help="score a model on a split"))
    _add_predict(commands.add_parser("predict", help="masks and overlays of images or video"))
    _add_pack(commands.add_parser("pack", help="a model at half its size, to hand on"))
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_train)
    # Nothing has a default here: TrainConfig is their one home, and `--resume` must see
    # what was really given.
    parser.argument_default = argparse.SUPPRESS
    add = parser.add_argument
    add("--output", metavar="RUN", help="the run folder to write")
    add("--resume", nargs="?", const=True, metavar="RUN", help="go on with a run that was cut off")
    add("--overwrite", action="store_true", help="replace the run in --output")
    add("--config", metavar="FILE", help="a .toml or .json configuration, or a recipe by name")
    add("--model", metavar="NAME", help="architecture (segnet_mini)")
    add("--model-option", action="append", metavar="KEY=VALUE", help="option of the architecture")
    add("--num-classes", type=int, metavar="N", help="1: one logit where the data has two classes")
    add("--data", metavar="DIR", help="a folder, synthetic or synthetic:COUNT (synthetic)")
    add("--train-split", metavar="NAME", help="split to train on, a+b for two (train)")
    add("--val-split", metavar="NAME", help="split to validate on (val)")
    add("--size", type=_size, metavar="HxW", help="size of drawn scenes")
    add("--limit-train", type=int, metavar="N", help="train on N images at most")
    add("--limit-val", type=int, metavar="N", help="validate on N images at most")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, metavar="N", help="passes over the images (30)")
    length.add_argument("--minutes", type=float, metavar="M", help="as many as fit in M minutes")
    add("--batch-size", type=int, metavar="N", help="images a step (4)")
    add("--crop", type=_size, metavar="HxW", help="random crop to train on (whole images)")
    add("--augment", metavar="KIND", help="standard or none (standard)")
    add("--scale", type=_pair, metavar="LO,HI", help="random zoom")
    add("--rotation", type=float, metavar="DEG", help="random rotation, at most DEG degrees")
    add("--optimizer", metavar="NAME", help="adamw or sgd (adamw)")
    add("--learning-rate", type=float, metavar="RATE", help="peak (0.001 adamw, 0.01 sgd)")
    add("--schedule", metavar="NAME", help="cosine, poly or constant (cosine)")
    add("--warmup", type=float, metavar="EPOCHS", help="linear rise from zero (0)")
    add("--weight-decay", type=float, metavar="W", help="(0.01 adamw, 5e-4 sgd)")
    add(
        "--clip-norm",
        type=float,
        metavar="NORM",
        help="gradient clip, 0 for none (1 adamw, 0 sgd)",
    )
    add("--ema", type=float, metavar="MOMENTUM", help="keep a moving average of the weights")
    add("--loss", metavar="NAME", help="crossentropy, binary, dice, crossentropy+dice")
    add("--class-weights", metavar="W", help="median, enet, enet:C, none or v1,v2,... (median)")
    add("--mixed-precision", metavar="TYPE", help="float16 or bfloat16")
    add("--val-every", type=int, metavar="N", help="validate each N epochs (1)")
    add("--initial-weights", metavar="MODEL", help="start from these weights")
    add("--seed", type=int, metavar="N", help="of weights, order and augmentation (0)")
    add("--tensorboard", action="store_true", help="write TensorBoard logs too")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_evaluate)
    add = parser.add_argument
    add("--model", required=True, metavar="MODEL", help="run folder, .keras, .tflite, weights:NAME")
    add("--data", required=True, metavar="DIR", help="a folder, synthetic or synthetic:COUNT")
    add("--split", default="val", help="split to score on (val)")
    add("--json", metavar="OUT", help="write the scores to this file")
    add("--batch-size", type=_positive, default=1, metavar="N", help="images at once (1)")
    add("--size", type=_size, metavar="HxW", help="size the model sees (each image's own)")
    add("--flip", action="store_true", help="average with the mirrored image's answer")
    add("--limit", type=_positive, metavar="N", help="the first N images only")
    add("--overwrite", action="store_true", help="replace the file of --json")


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_predict)
    add = parser.add_argument
    add("--model", required=True, metavar="MODEL", help="run folder, .keras, .tflite, weights:NAME")
    add("--input", required=True, metavar="PATH", help=_PREDICT_INPUT)
    add("--output", required=True, metavar="DIR", help="where masks, overlays and legend go")
    add("--size", type=_size, metavar="HxW", help="size the model sees (each image's own)")
    add("--flip", action="store_true", help="average with the mirrored image's answer")
    add("--limit", type=_positive, metavar="N", help="the first N images or frames only")
    add("--overwrite", action="store_true", help="replace files in --output")


def _add_pack(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_pack)
    add = parser.add_argument
    add("--model", required=True, metavar="MODEL", help="run folder or .keras")
    add("--output", required=True, metavar="FILE", help="the .keras file to write")
    add("--overwrite", action="store_true", help="replace the file in --output")


def _train(arguments: dict[str, Any]) -> int:
    from segnet_tf.cli.train import run

    return run(arguments)


def _evaluate(arguments: dict[str, Any]) -> int:
    from segnet_tf.cli.evaluate import run

    return run(arguments)


def _predict(arguments: dict[str, Any]) -> int:
    from segnet_tf.system.tensorflow_start import start_tensorflow

    start_tensorflow()
    from segnet_tf.inference import predict, video

    return (video if video.is_video(arguments["input"]) else predict).run(arguments)


def _pack(arguments: dict[str, Any]) -> int:
    from segnet_tf.system.tensorflow_start import start_tensorflow

    start_tensorflow()
    from segnet_tf.runs.pack import pack

    pack(arguments["model"], arguments["output"], overwrite=arguments["overwrite"])
    print(f"wrote {arguments['output']}")
    return 0


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not (height.isascii() and height.isdigit() and width.isascii() and width.isdigit()):
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH in pixels. Received: {text}")
    if not int(height) or not int(width):
        raise argparse.ArgumentTypeError(f"must be at least 1x1. Received: {text}")
    return int(height), int(width)


def _pair(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be LO,HI. Received: {text}") from None
    return low, high


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a number of at least 1. Received: {text}")
    return int(text)
