"""Training: takes a configuration, writes a run folder. Keras's own `compile` and `fit`."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import keras

from segnet_tf.config import TrainConfig
from segnet_tf.data.decoded import named_errors
from segnet_tf.data.pipeline import steps_per_epoch
from segnet_tf.errors import UserError
from segnet_tf.inference.evaluation import Summary
from segnet_tf.models.input_size import check_size
from segnet_tf.runs.folder import empty, new_run, resumed_run
from segnet_tf.runs.records import describe, read_run
from segnet_tf.system.json_files import write_json
from segnet_tf.training import precision, trackers
from segnet_tf.training.agreement import digest_of, facts_of, require_as_begun, teacher_digest
from segnet_tf.training.callbacks import step_callbacks, training_callbacks
from segnet_tf.training.checkpoint_files import finished_epochs, restore
from segnet_tf.training.distribution import Workers
from segnet_tf.training.epoch_log import best_score, read_finished
from segnet_tf.training.joining import join
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


def train(config: TrainConfig, output: str | Path, *, overwrite: bool = False) -> Summary | None:
    """Trains a model and writes a run folder.

    With `config.distribute="multi-worker"` every worker calls it with the same arguments; the chief
    alone writes.

    Args:
        config: the configuration; the same one gives the same weights on the same machine.
        output: the folder, made if missing: `config.json`, `log.csv`, `last.keras`,
            `best.keras`, `curves.png`, `confusion.png`, `predictions.png`, `scores.json`.
        overwrite: replace the files of a run that is there.

    Returns:
        The scores of the best weights on the validation split, as `scores.json`; None on a worker
        that is not the chief.

    Raises:
        UserError: bad input, an existing folder, a full disk, a loss that is not finite, a worker
            that is lost.
    """
    with contextlib.ExitStack() as held:
        return _train(config, Path(output), overwrite, held)


def _train(
    config: TrainConfig, folder: Path, overwrite: bool, held: contextlib.ExitStack
) -> Summary | None:
    workers = join(config)
    with workers.together() as facts:
        workers.require_even(config.batch_size)
        if workers.is_chief:
            held.enter_context(new_run(folder, overwrite))
        trackers.require_installed(config)
        precise = precision.resolved(config.mixed_precision)
        config = dataclasses.replace(config, mixed_precision=precise)
        be_repeatable(config)
        data = Data.open(config)
        weights = resolved_class_weights(config, data)
        if config.minutes is not None:
            config = _of_minutes(config, data, weights)
            be_repeatable(config)
        facts.update(facts_of(config, data, weights))
    with workers.together() as facts:
        with workers.strategy.scope():
            model = compiled_model(config, data, weights)
        start_from(config, model)
        facts["weights"] = workers.share.workers > 1 and digest_of(model)
        for size in {config.crop or size_of(data.train), size_of(data.val)}:
            check_size(model, size, "crop" if size == config.crop else "data")
        # Before the old run is removed: the pass over the images finds damaged ones.
        sizes = data.survey.image_sizes
    tracked: list[trackers.Tracker] = []
    with workers.together():
        if workers.is_chief:
            # Before the old run is removed: a tracker may not be reached.
            tracked = held.enter_context(trackers.opened(config, folder, begun=False))
            empty(folder)
            trackers.keep(tracked, folder)
            record = describe(config, data.train, data.val, data.num_classes, weights, sizes)
            record["fingerprints"] = data.fingerprints
            if config.teacher is not None:
                record["teacher"] = teacher_digest(config)
            write_json(folder / "config.json", record)
            print_overview(config, data, model, folder, data.survey, workers.devices)
    return _fit(config, data, model, folder, workers, start=0, rows=[], tracked=tracked)


def _of_minutes(config: TrainConfig, data: Data, weights: list[float] | None) -> TrainConfig:
    """The configuration with the epochs that its minutes hold."""
    epochs = epochs_in(config, data, weights)
    print(f"{config.minutes:g} minutes hold about {epochs} epochs; repeat with --epochs {epochs}")
    warmup = min(config.warmup, epochs / 2)
    return dataclasses.replace(config, epochs=epochs, minutes=None, warmup=warmup)


def resume(
    run: str | Path,
    *,
    data: str | None = None,
    distribute: str | None = None,
    teacher: str | None = None,
) -> Summary | None:
    """Goes on with a run that was interrupted; its final weights are as without the interruption.

    Args:
        run: its folder. For a finished run only the reports are written again.
        data: where the data is now, if not where `config.json` says.
        distribute: on which devices to go on, see `TrainConfig`, if not as it began. All workers
            must see the run folder.
        teacher: where the teacher is now, if not where `config.json` says.

    Returns:
        As `train`.

    Raises:
        UserError: no run there, one that another process trains, other data than it began with, a
            damaged checkpoint or log, and what `train` raises.
    """
    with contextlib.ExitStack() as held:
        moved = {"data": data, "distribute": distribute, "teacher": teacher}
        return _resume(Path(run), {name: v for name, v in moved.items() if v is not None}, held)


def _resume(folder: Path, moved: dict[str, Any], held: contextlib.ExitStack) -> Summary | None:
    record = read_run(folder) if folder.is_dir() else None
    if record is None:
        raise UserError(
            f"`resume` must be the folder of a run. Received: {folder}, which has no config.json "
            "of one. Start it with segnet_tf.training.train (--output)."
        )
    config = TrainConfig.from_json(record["config"])
    if config.teacher is None and "teacher" in moved:
        raise UserError(
            "`teacher` must be left out for a run that began without one. "
            f"Received: {moved['teacher']}. Start a new run with it."
        )
    config = dataclasses.replace(config, **moved)
    workers = join(config)
    with workers.together() as facts:
        workers.require_even(config.batch_size)
        if workers.is_chief:
            held.enter_context(resumed_run(folder))
        trackers.require_installed(config)
        precision.resolved(config.mixed_precision)
        be_repeatable(config)
        opened = Data.open(config)
        require_as_begun(record, config, opened)
        last = folder / "last.keras"
        start = finished_epochs(last, config.epochs) if last.is_file() else 0
        rows = read_finished(folder / "log.csv", start) if start else []
        _require_best(folder, rows)
        facts.update(facts_of(config, opened, record["class_weights"], start))
    with workers.together() as facts:
        with workers.strategy.scope():
            model = compiled_model(config, opened, record["class_weights"])
        if start:
            restore(model, last)
        else:
            start_from(config, model)
        facts["weights"] = workers.share.workers > 1 and digest_of(model)
        tracked: list[trackers.Tracker] = []
        if workers.is_chief and start < config.epochs:
            tracked = held.enter_context(trackers.opened(config, folder, begun=True))
            trackers.keep(tracked, folder)
    if workers.is_chief:
        print_overview(config, opened, model, folder, None, workers.devices)
        print(f"resuming {folder} after epoch {start} of {config.epochs}", flush=True)
    return _fit(config, opened, model, folder, workers, start=start, rows=rows, tracked=tracked)


def _require_best(folder: Path, rows: list[dict[str, float]]) -> None:
    if best_score(rows) >= 0 and not (folder / "best.keras").is_file():
        raise UserError(
            f"`resume` needs the best.keras of the finished epochs. Received: {folder} without. "
            "Put it back, or remove last.keras to start the run from its beginning."
        )


def _fit(
    config: TrainConfig,
    data: Data,
    model: keras.Model,
    folder: Path,
    workers: Workers,
    start: int,
    rows: list[dict[str, float]],
    tracked: list[trackers.Tracker],
) -> Summary | None:
    """Trains from epoch `start` on, then writes the reports. `rows` are the log's so far."""
    if start < config.epochs:
        # A list, because the last epoch is validated whatever `val_every` is.
        step = config.val_every
        validated = sorted({*range(step, config.epochs, step), config.epochs})
        cache = f"disk:{folder / 'cache'}" if config.cache == "disk" else config.cache
        callbacks = step_callbacks(config, workers.share.replicas)
        # Closed also when training is interrupted: an error starts a line of its own.
        progress = Progress(config.epochs, best_score(rows))
        if workers.is_chief:
            # best.keras is plain Keras in float32, in whatever precision the model was trained.
            inference = new_model(config, data.num_classes)
            callbacks += training_callbacks(folder, inference, rows, tracked, data.val)
            callbacks.append(progress)
        with (
            workers.naming_losses(),
            named_errors(),
            contextlib.closing(progress),
        ):
            model.fit(
                workers.training_data(
                    lambda share: make_dataset(config, data.train, start, cache, share)
                ),
                epochs=config.epochs,
                initial_epoch=start,
                steps_per_epoch=steps_per_epoch(data.train, config.batch_size),
                validation_data=workers.validation_data(data.val, _VALIDATION_BATCH, cache),
                validation_freq=validated,
                callbacks=callbacks,
                shuffle=False,  # the dataset does it; Keras would warn
                verbose=0,
            )
    return write_reports(folder, data.val) if workers.is_chief else None
