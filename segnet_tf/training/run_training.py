"""Training: takes a configuration, writes a run folder. Keras's own `compile` and `fit`."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
from pathlib import Path

import keras

from segnet_tf.config import TrainConfig
from segnet_tf.data.decoded import named_errors
from segnet_tf.data.pipeline import evaluation_dataset, steps_per_epoch
from segnet_tf.errors import UserError
from segnet_tf.inference.evaluation import Summary
from segnet_tf.models.input_size import check_size
from segnet_tf.runs.records import RUN_FILES, describe, read_run, require_same_order
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import make_folder
from segnet_tf.training import precision
from segnet_tf.training.callbacks import training_callbacks
from segnet_tf.training.checkpoint_files import restore
from segnet_tf.training.epoch_log import best_score, read_log
from segnet_tf.training.overview import print_overview
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
from segnet_tf.training.starting_weights import start_from

# About 200 MB of memory an image, where the network is widest.
_VALIDATION_BATCH = 2


def train(config: TrainConfig, output: str | Path, *, overwrite: bool = False) -> Summary:
    """Trains a model and writes a run folder.

    Args:
        config: the configuration; the same one gives the same weights on the same machine.
        output: the folder, made if missing: `config.json`, `log.csv`, `last.keras`,
            `best.keras`, `curves.png`, `confusion.png`, `predictions.png`, `scores.json`.
        overwrite: replace the files of a run that is there.

    Returns:
        The scores of the best weights on the validation split, as `scores.json`.

    Raises:
        UserError: bad input, an existing folder, a full disk, a loss that is not finite.
    """
    folder = Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not overwrite:
        raise UserError(
            f"`output` must be a new or empty folder. Received: {output}, which is there. "
            "Pass overwrite=True (--overwrite) to replace the run, or go on with it by "
            "segnet_tf.training.resume (--resume)."
        )
    _check_tensorboard(config)
    config = dataclasses.replace(config, mixed_precision=precision.resolved(config.mixed_precision))
    be_repeatable(config)
    data = Data.open(config)
    weights = resolved_class_weights(config, data)
    if config.minutes is not None:
        epochs = epochs_in(config, data, weights)
        print(
            f"{config.minutes:g} minutes hold about {epochs} epochs; repeat with --epochs {epochs}"
        )
        warmup = min(config.warmup, epochs / 2)
        config = dataclasses.replace(config, epochs=epochs, minutes=None, warmup=warmup)
        be_repeatable(config)
    model = compiled_model(config, data, weights)
    start_from(config, model)
    for size in {config.crop or size_of(data.train), size_of(data.val)}:
        check_size(model, size, "crop" if size == config.crop else "data")
    # Before the old run is removed: the pass over the images finds damaged ones.
    sizes = data.survey.image_sizes
    _empty_folder(folder)
    record = describe(config, data.train, data.val, data.num_classes, weights, sizes)
    write_json(folder / "config.json", record)
    print_overview(config, data, model, folder, data.survey)
    return _fit(config, data, model, folder, start=0, rows=[])


def resume(run: str | Path, *, data: str | None = None) -> Summary:
    """Goes on with a run that was interrupted; its final weights are as without the interruption.

    Args:
        run: its folder. For a finished run only the reports are written again.
        data: where the data is now, if not where `config.json` says.

    Returns:
        As `train`.

    Raises:
        UserError: no run there, other data than it began with, and what `train` raises.
    """
    folder = Path(run)
    record = read_run(folder) if folder.is_dir() else None
    if record is None:
        raise UserError(
            f"`resume` must be the folder of a run. Received: {run}, which has no config.json "
            "of one. Start it with segnet_tf.training.train (--output)."
        )
    config = TrainConfig.from_json(record["config"])
    if data is not None:
        config = dataclasses.replace(config, data=data)
    _check_tensorboard(config)
    precision.resolved(config.mixed_precision)
    be_repeatable(config)
    opened = Data.open(config)
    for name, then, now in (
        ("training_images", record["training_images"], len(opened.train)),
        ("num_classes", record["num_classes"], opened.num_classes),
    ):
        if now != then:
            raise UserError(
                f"`data` must be what the run began with, {name}={then}. "
                f"Received: {now}. "
                "Give the same data (--data DIR) or start a new run."
            )
    require_same_order(record, opened.train.classes, config.data)
    model = compiled_model(config, opened, record["class_weights"])
    last = folder / "last.keras"
    start, rows = 0, []
    if last.is_file():
        start = restore(model, last)
        rows = [row for row in read_log(folder / "log.csv") if row["epoch"] <= start]
    else:
        start_from(config, model)
    print_overview(config, opened, model, folder, survey=None)
    print(f"resuming {run} after epoch {start} of {config.epochs}", flush=True)
    return _fit(config, opened, model, folder, start=start, rows=rows)


def _check_tensorboard(config: TrainConfig) -> None:
    # Now, and not in the first epoch, where Keras would raise it.
    if config.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise UserError(
            "`tensorboard` needs the package of that name. Received: tensorboard=True and no such "
            "package. Install it (pip install tensorboard) or leave it out (--tensorboard)."
        )


def _fit(
    config: TrainConfig,
    data: Data,
    model: keras.Model,
    folder: Path,
    start: int,
    rows: list[dict[str, float]],
) -> Summary:
    """Trains from epoch `start` on, then writes the reports. `rows` are the log's so far."""
    if start < config.epochs:
        # A list, because the last epoch is validated whatever `val_every` is.
        step = config.val_every
        validated = sorted({*range(step, config.epochs, step), config.epochs})
        # best.keras is plain Keras in float32, in whatever precision the model was trained.
        inference = new_model(config, data.num_classes)
        # Closed also when training is interrupted: an error starts a line of its own.
        cache = f"disk:{folder / 'cache'}" if config.cache == "disk" else config.cache
        progress = Progress(config.epochs, best_score(rows))
        with named_errors(), contextlib.closing(progress):
            model.fit(
                make_dataset(config, data.train, start, cache),
                epochs=config.epochs,
                initial_epoch=start,
                steps_per_epoch=steps_per_epoch(data.train, config.batch_size),
                validation_data=evaluation_dataset(
                    data.val, batch_size=_VALIDATION_BATCH, cache=cache
                ),
                validation_freq=validated,
                callbacks=[*training_callbacks(config, folder, inference, rows), progress],
                shuffle=False,  # the dataset does it; Keras would warn
                verbose=0,
            )
    return write_reports(folder, data.val)


def _empty_folder(folder: Path) -> None:
    """Makes the run folder, without the files of an earlier run."""
    make_folder(folder)
    try:
        for name in RUN_FILES:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"`output` must be a folder that can be written. Received: {folder}: {error.strerror}. "
            "Choose another folder."
        ) from error
