"""`segnet-tf train`: options to a configuration, and to a run."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segnet_tf.cli import command
from segnet_tf.config import TrainConfig
from segnet_tf.config_files import read_config
from segnet_tf.errors import UserError
from segnet_tf.system.tensorflow_start import start_tensorflow

# What may come with `--resume`; all else is in the run's config.json.
_WITH_RESUME = {"resume", "output", "data", "distribute", "teacher"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Train a model into a run folder. In brackets: what is taken if not given."
    parser.epilog = (
        "examples:\n"
        "  segnet-tf train --data path/to/camvid --model segnet_lite --output runs/mine\n"
        "  segnet-tf train --config segnet_lite_camvid --data path/to/camvid --output runs/again\n"
        "  segnet-tf train --resume runs/mine"
    )
    # Nothing has a default here: TrainConfig is their one home, and `--resume` must see
    # what was really given.
    parser.argument_default = argparse.SUPPRESS
    _add_run(parser.add_argument_group("run"))
    _add_data(parser.add_argument_group("data"))
    _add_model(parser.add_argument_group("model"))
    _add_training(parser.add_argument_group("training"))
    _add_optimizer(parser.add_argument_group("optimizer and loss"))


def _add_run(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--output", metavar="RUN", help="the run folder to write")
    add("--resume", nargs="?", const=True, metavar="RUN", help="go on with a run that was cut off")
    add("--overwrite", action="store_true", help="replace the run in --output")
    add("--config", metavar="FILE", help="a .toml or .json configuration, or a recipe by name")
    add("--seed", type=int, metavar="N", help="of weights, order and augmentation (0)")
    add("--tensorboard", action="store_true", help="write TensorBoard logs too")
    add("--wandb", action="store_true", help="log to W&B too, as WANDB_MODE and others say")
    add("--mlflow", action="store_true", help="log to MLflow too, as MLFLOW_TRACKING_URI says")


def _add_data(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--data", metavar="DIR", help="a folder, synthetic or synthetic:COUNT; required")
    add(
        "--train-split",
        metavar="NAME",
        help="split to train on (train); a+b for two, a/PREFIX for its file names with that prefix",
    )
    add("--val-split", metavar="NAME", help="split to validate on (val), by the same rules")
    command.add_reading_options(group)
    add("--limit-train", type=int, metavar="N", help="train on N images at most")
    add("--limit-val", type=int, metavar="N", help="validate on N images at most")
    add("--cache", metavar="KIND", help="of decoded images: memory, disk, disk:DIR, none (auto)")
    add("--size", type=command.size, metavar="HxW", help="size of synthetic scenes")
    add("--crop", type=command.size, metavar="HxW", help="random crop (whole images)")
    add("--augment", metavar="KIND", help="standard, strong or none (standard)")
    add("--paste", type=float, metavar="SHARE",
        help="paste rare classes of another image onto that share of the images (0)")  # fmt: skip
    add("--scale", type=_pair, metavar="LO,HI", help="random zoom")
    add("--rotation", type=float, metavar="DEG", help="random rotation, at most DEG degrees")


def _add_model(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--model", metavar="NAME", help="architecture (segnet_mini)")
    command.add_model_options(group)
    add("--num-classes", type=int, metavar="N", help="1: one logit where the data has two classes")
    add("--initial-weights", metavar="MODEL", help="start from these weights")


def _add_training(group: argparse._ArgumentGroup) -> None:
    length = group.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, metavar="N", help="passes over the images (30)")
    length.add_argument("--minutes", type=float, metavar="M", help="as many as fit in M minutes")
    add = group.add_argument
    add("--batch-size", type=int, metavar="N", help="images a step (4)")
    add("--val-every", type=int, metavar="N", help="validate every N epochs (1)")
    add("--mixed-precision", metavar="TYPE", help="float32, float16, bfloat16 or auto (float32)")
    add("--steps-per-execution", type=int, metavar="N",
        help="steps between two returns to Python, for fast GPUs (1)")  # fmt: skip
    add("--distribute", metavar="KIND",
        help="mirrored: all GPUs; multi-worker: the machines in TF_CONFIG (none)")  # fmt: skip
    add("--batch-norm", metavar="KIND", help="on several devices: synchronized, local (the first)")


def _add_optimizer(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--optimizer", metavar="NAME", help="adamw or sgd (adamw)")
    add(
        "--learning-rate",
        "--lr",
        type=float,
        metavar="RATE",
        help="at its highest (0.001 adamw, 0.01 sgd)",
    )
    add("--schedule", metavar="NAME", help="cosine, poly or constant (cosine)")
    add("--warmup", type=float, metavar="EPOCHS", help="linear rise from zero (0)")
    add("--weight-decay", type=float, metavar="W", help="(0.01 adamw, 5e-4 sgd)")
    add("--decay", metavar="KIND", help="decoupled, or l2: in the gradient, sgd (decoupled)")
    add("--clip-norm", type=float, metavar="NORM", help="gradient clip, 0: none (1 adamw, 0 sgd)")
    add("--ema", type=float, metavar="MOMENTUM", help="keep a moving average of the weights")
    add("--loss", metavar="NAME", help="crossentropy, binary, dice or crossentropy+dice")
    add("--teacher", metavar="MODEL", help="distillation: learn from that model's answers too")
    add(
        "--teacher-weight",
        type=float,
        metavar="W",
        help="of that term of the loss, with --teacher (4)",
    )
    add("--class-weights", metavar="W", help="median, enet, enet:C, none or v1,v2,... (median)")


def run(arguments: argparse.Namespace) -> int:
    """Trains or resumes."""
    given = vars(arguments)
    if "resume" in given:
        folder = _resumed(given)
        start_tensorflow()
        from segnet_tf.training.run_training import resume

        with _resume_command(folder):
            own = {name: given.get(name) for name in ("data", "distribute", "teacher")}
            resume(folder, **own)
        return 0
    output = given.pop("output", None)
    if output is None:
        raise UserError(
            "`--output` must name the run folder to write. Received: none. Pass --output RUN."
        )
    overwrite = given.pop("overwrite", False)
    config = configuration(given)
    start_tensorflow()
    from segnet_tf.training.run_training import train

    with _resume_command(output):
        train(config, output, overwrite=overwrite)
    return 0


@contextlib.contextmanager
def _resume_command(folder: str) -> Iterator[None]:
    """Names the command that goes on with an interrupted run."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if Path(folder, "config.json").is_file():
            reason = interrupt.args[0] if interrupt.args else "interrupted"
            interrupt.args = (
                f"{reason}; go on with: segnet-tf train --resume {shlex.quote(folder)}",
            )
        raise


def configuration(given: dict[str, Any]) -> TrainConfig:
    """A TrainConfig from the values of a `--config` file, replaced by what was given.

    Args:
        given: options of the command line; those that were not given are not in it.

    Raises:
        UserError: no data is named, or a value is wrong.
    """
    changes = dict(given)
    options = command.model_options(changes.pop("model_option", []))
    file = changes.pop("config", None)
    content = {} if file is None else read_config(file)
    # A run's config.json holds the configuration among other things. Its epochs are those that its
    # minutes held on that machine: measured again they would be another number.
    content = content["config"] | {"minutes": None} if "config" in content else content
    if "data" not in changes and content.get("data") is None:
        raise UserError(
            "`--data` must name the images to train on. Received: none. "
            "Pass --data DIR, or --data synthetic for generated road scenes."
        )
    if file is None:
        return TrainConfig(**changes, model_options=options)
    config = TrainConfig.from_json(content)
    if "model" in changes and changes["model"] != config.model:
        config = dataclasses.replace(config, model_options={})
    if "epochs" in changes:
        changes["minutes"] = None
    return dataclasses.replace(config, **changes, model_options=config.model_options | options)


def _resumed(given: dict[str, Any]) -> str:
    """The run folder to go on with."""
    extra = sorted(set(given) - _WITH_RESUME)
    if extra:
        raise UserError(
            "`--resume` takes the configuration of the run. Received: "
            f"--{extra[0].replace('_', '-')} besides. Leave it out or start a new run."
        )
    folder, output = given["resume"], given.get("output")
    if folder is True:
        folder = output
    elif output is not None and Path(output) != Path(folder):
        raise UserError(
            f"`--resume` and `--output` must be the same run. Received: {folder} and {output}. "
            "Leave out --output."
        )
    if folder is None:
        raise UserError("`--resume` must name a run. Received: none. Pass --resume RUN.")
    return str(folder)


def _pair(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be LO,HI. Received: {text}") from None
    return low, high
