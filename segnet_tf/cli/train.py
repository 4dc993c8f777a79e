"""`segnet-tf train`: arguments to a configuration, and to a run."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segnet_tf.config import TrainConfig, read_config
from segnet_tf.errors import UserError
from segnet_tf.system.tensorflow_start import start_tensorflow

# What may come with `--resume`; all else is in the run's config.json.
_WITH_RESUME = {"resume", "output", "data"}


def run(arguments: dict[str, Any]) -> int:
    """Trains or resumes.

    Args:
        arguments: what was given on the command line, nothing else.
    """
    if "resume" in arguments:
        folder, data = _resumed(arguments)
        start_tensorflow()
        from segnet_tf.training.train import resume

        with _way_back(folder):
            resume(folder, data=data)
        return 0
    output = arguments.pop("output", None)
    if output is None:
        raise UserError(
            "`--output` must name the run folder to write. Received: none. Pass --output RUN."
        )
    overwrite = arguments.pop("overwrite", False)
    config = configuration(arguments)
    start_tensorflow()
    from segnet_tf.training.train import train

    with _way_back(output):
        train(config, output, overwrite=overwrite)
    return 0


@contextlib.contextmanager
def _way_back(folder: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if not Path(folder, "config.json").is_file():
            raise
        raise KeyboardInterrupt(
            f"interrupted; go on with: segnet-tf train --resume {folder}"
        ) from None


def configuration(arguments: dict[str, Any]) -> TrainConfig:
    """A TrainConfig from the values of a `--config` file, replaced by what was given."""
    given = dict(arguments)
    options = _model_options(given.pop("model_option", []))
    file = given.pop("config", None)
    if file is None:
        return TrainConfig(**given, model_options=options)
    content = read_config(file)
    # A run's config.json holds the configuration among other things.
    config = TrainConfig.from_json(content.get("config", content))
    if "model" in given and given["model"] != config.model:
        config = dataclasses.replace(config, model_options={})
    if "epochs" in given:
        given["minutes"] = None
    return dataclasses.replace(config, **given, model_options=config.model_options | options)


def _resumed(arguments: dict[str, Any]) -> tuple[str, str | None]:
    extra = sorted(set(arguments) - _WITH_RESUME)
    if extra:
        raise UserError(
            "`--resume` takes the configuration of the run. Received: "
            f"--{extra[0].replace('_', '-')} besides. Leave it out or start a new run."
        )
    folder, output = arguments["resume"], arguments.get("output")
    if folder is True:
        folder = output
    elif output is not None and Path(output) != Path(folder):
        raise UserError(
            f"`--resume` and `--output` must be the same run. Received: {folder} and {output}."
        )
    if folder is None:
        raise UserError("`--resume` must name a run. Received: none. Pass --resume RUN.")
    return folder, arguments.get("data")


def _model_options(pairs: list[str]) -> dict[str, Any]:
    options = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise UserError(f"`--model-option` must be KEY=VALUE. Received: {pair}.")
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = {"true": True, "false": False, "none": None}.get(value.lower(), value)
    return options
