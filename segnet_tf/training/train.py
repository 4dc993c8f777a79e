"""Training: a configuration in, a run folder out. Plain `compile` and `fit`."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras

from segnet_tf.config import TrainConfig
from segnet_tf.data.pipeline import evaluation_dataset, steps_per_epoch
from segnet_tf.errors import UserError
from segnet_tf.models import load_weights
from segnet_tf.models.input_size import check_size
from segnet_tf.runs.checkpoints import load_model
from segnet_tf.runs.records import RUN_FILES, describe, read_run
from segnet_tf.system.json_files import write_json
from segnet_tf.training import callbacks
from segnet_tf.training.preparation import (
    Data,
    be_repeatable,
    compiled_model,
    epochs_in,
    make_dataset,
    new_model,
    resolved_class_weights,
    size_of,
)
from segnet_tf.training.progress import Progress
from segnet_tf.training.reports import write_reports

# What evaluation keeps in memory: with the network at its widest about 200 MB an image.
_VALIDATION_BATCH = 2


def train(config: TrainConfig, output: str | Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Trains a model and writes a run folder.

    Args:
        config: of the run; the same one gives the same weights on the same machine.
        output: the folder, made if missing: `config.json`, `log.csv`, `last.keras`,
            `best.keras`, `curves.png`, `confusion.png`, `predictions.png`, `scores.json`.
        overwrite: replace the files of a run that is there.

    Returns:
        The scores of the best weights on the validation split, as `scores.json`.

    Raises:
        UserError: bad input, an existing folder, a full disk, a loss that is no number.
    """
    folder = Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not overwrite:
        raise UserError(
            f"`output` must be a new or empty folder. Received: {output}, which is there. "
            "Use --overwrite to replace the run or --resume to go on with it."
        )
    _check_tensorboard(config)
    be_repeatable(config)
    data = Data.open(config)
    weights = resolved_class_weights(config, data)
    if config.minutes is not None:
        epochs = epochs_in(config, data, weights)
        config = dataclasses.replace(config, epochs=epochs, warmup=min(config.warmup, epochs / 2))
        print(
            f"{config.minutes:g} minutes hold about {epochs} epochs; repeat with --epochs {epochs}"
        )
        be_repeatable(config)
    model = compiled_model(config, data, weights)
    _start_from(config, model)
    for size in {config.crop or size_of(data.train), size_of(data.val)}:
        check_size(model, size, "crop" if size == config.crop else "data")
    _make_folder(folder)
    record = describe(config, data.train, data.val, data.num_classes, weights)
    write_json(folder / "config.json", record)
    return _fit(config, data, model, folder, start=0, rows=[])


def resume(run: str | Path, *, data: str | None = None) -> dict[str, Any]:
    """Goes on with a run that was cut off, to the weights it would have ended at.

    Args:
        run: its folder. A run that ended already only gets its reports again.
        data: where the data is now, if not where `config.json` says.

    Returns:
        As `train`.

    Raises:
        UserError: no run there, other data than it began with, and as `train`.
    """
    folder = Path(run)
    record = read_run(folder) if folder.is_dir() else None
    if record is None:
        raise UserError(
            f"`resume` must be the folder of a run. Received: {run}, which has no config.json "
            "of one. Start it with --output."
        )
    config = TrainConfig.from_json(record["config"])
    if data is not None:
        config = dataclasses.replace(config, data=data)
    _check_tensorboard(config)
    be_repeatable(config)
    opened = Data.open(config)
    for name, now in (("training_images", len(opened.train)), ("num_classes", opened.num_classes)):
        if record[name] != now:
            raise UserError(
                f"`data` must be what the run began with, {name}={record[name]}. "
                f"Received: {now}. Point --data to the same data or start a new run."
            )
    model = compiled_model(config, opened, record["class_weights"])
    last = folder / "last.keras"
    start, rows = 0, []
    if last.is_file():
        start = _restore(model, last)
        rows = [row for row in callbacks.read_log(folder / "log.csv") if row["epoch"] <= start]
    else:
        _start_from(config, model)
    print(f"resuming {run} after epoch {start} of {config.epochs}", flush=True)
    return _fit(config, opened, model, folder, start=start, rows=rows)


def _check_tensorboard(config: TrainConfig) -> None:
    # Keras would find out in the first epoch.
    if config.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise UserError(
            "`tensorboard` needs the package of that name. Received: tensorboard=True and no such "
            "package. Install it (pip install tensorboard) or leave out --tensorboard."
        )


def _fit(config, data, model, folder, start, rows) -> dict[str, Any]:
    if start < config.epochs:
        # A list, since the last epoch is validated whatever `val_every` is.
        step = config.val_every
        validated = sorted({*range(step, config.epochs, step), config.epochs})
        # A file to evaluate and export from is plain Keras in float32 whatever was trained.
        inference = new_model(config, data.num_classes)
        hooks = [
            callbacks.SeedEpoch(config.seed),
            callbacks.StopOnNaN(),
            callbacks.EpochLog(folder / "log.csv", rows),
            callbacks.Checkpoints(folder, inference, callbacks.best_score(rows)),
            *([keras.callbacks.ProgbarLogger()] if sys.stdout.isatty() else []),
            # After the bar, which would be drawn over its line.
            Progress(config.epochs, callbacks.best_score(rows)),
        ]
        if config.ema:
            hooks.insert(0, callbacks.ValidateAverage())
        if config.tensorboard:
            hooks.append(keras.callbacks.TensorBoard(folder / "tensorboard"))
        model.fit(
            make_dataset(config, data.train, start),
            epochs=config.epochs,
            initial_epoch=start,
            steps_per_epoch=steps_per_epoch(data.train, config.batch_size),
            validation_data=evaluation_dataset(data.val, batch_size=_VALIDATION_BATCH),
            validation_freq=validated,
            callbacks=hooks,
            shuffle=False,  # the dataset does it; Keras would warn
            verbose=1 if sys.stdout.isatty() else 0,
        )
    return write_reports(folder, data.val)


def _restore(model: keras.Model, path: Path) -> int:
    """Puts weights and optimizer state of `last.keras` into `model`; its epochs done."""
    try:
        epochs = callbacks.read_progress(path)
        with warnings.catch_warnings():
            # Keras only warns when it skips an optimizer's state.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
    except (OSError, KeyError, ValueError, UserWarning, zipfile.BadZipFile) as error:
        raise UserError(
            f"`resume` needs a whole last.keras of the same model. Received: {path}: "
            f"{str(error).splitlines()[0]}. Remove it to start the run from its beginning."
        ) from error
    return epochs


def _start_from(config: TrainConfig, model: keras.Model) -> None:
    name = config.initial_weights
    if name is None:
        return
    if name == "imagenet":
        load_weights(model, name, config.model)
        return
    source = {layer.name: layer for layer in load_model(name).layers}
    fresh, taken = [], 0
    for layer in model.layers:
        if not layer.weights:
            continue
        if layer.name in source and _shapes(source[layer.name]) == _shapes(layer):
            layer.set_weights(source[layer.name].get_weights())
            taken += 1
        else:
            fresh.append(layer.name)
    if not taken:
        raise UserError(
            f"`initial_weights` must share layers with {config.model}, by name and shape. "
            f"Received: {name}, which shares none. Take a model of the same architecture."
        )
    print(f"{taken} layers start from {name}; fresh: {', '.join(fresh) or 'none'}", flush=True)


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in layer.weights]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in RUN_FILES:
            if (folder / name).exists():
                os.remove(folder / name)
    except OSError as error:
        raise UserError(
            f"`output` must be a folder that can be written. Received: {folder}: {error.strerror}."
        ) from error
