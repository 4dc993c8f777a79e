"""Short training of a tf_keras twin, on the data and with the loss that its model was trained with.

Each finished epoch is kept in a file next to the output. A training that was cut off goes on from
there and ends with the same weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from segnet_tf import losses
from segnet_tf.config import TrainConfig
from segnet_tf.data import Samples
from segnet_tf.data.decoded import named_errors
from segnet_tf.data.fingerprint import fingerprint
from segnet_tf.data.pipeline import steps_per_epoch
from segnet_tf.errors import UserError
from segnet_tf.export.sources import OpenedData, Source
from segnet_tf.losses.divergence import divergence
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.progress import counted
from segnet_tf.training.preparation import Data, make_dataset, resolved_class_weights

# The loss that is trained: the model's own + TEACHING * divergence from the teacher.
TEACHING = 4.0


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a model is trained with again.

    Attributes:
        config: of its run; batch size, crop, augmentation, loss and seed are taken from it.
        samples: the training split.
        class_weights: of the loss, `None` for none.
        num_classes: logits a pixel.
        teacher: the model before this training; its outputs are learned besides the labels. With
            labels alone the weights move toward those of the last epoch of the first training,
            which is seldom the epoch that was kept as the best.
    """

    config: TrainConfig
    samples: Samples
    class_weights: list[float] | None
    num_classes: int
    teacher: keras.Model

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return steps_per_epoch(self.samples, self.config.batch_size)

    @property
    def learning_rate(self) -> float:
        """The peak that the model was trained with."""
        assert self.config.learning_rate is not None  # TrainConfig fills it in
        return self.config.learning_rate


def recipe(source: Source, data: OpenedData, seed: int) -> Recipe:
    """The recipe of a model's own run, or the usual one for a model without a record.

    Args:
        source: the model, and what is known of its training.
        data: as `Source.samples` takes it; `None` is what the run was trained on.
        seed: of order and augmentation.

    Raises:
        UserError: there is no training data.
    """
    record = source.record
    classes = source.model.output_shape[-1]
    if record is not None:
        config = TrainConfig.from_json(record["config"])
    else:
        config = TrainConfig(loss="binary" if classes == 1 else "crossentropy")
    train = source.samples(data, "train", config.limit_train)
    if train is None:
        raise UserError(
            "`data` must be given for `compression` (--qat, --prune, --cluster), to train on. "
            "Received: none, and the model does not say what it was trained on. "
            "Give data=(images, labels), or a folder (--data DIR)."
        )
    if not train.is_labelled:
        raise UserError(
            "`data` must have labels for `compression`, which trains on them. "
            "Received: images alone. Give data=(images, labels)."
        )
    height, width = source.model.input_shape[1:3]
    if height and width:
        config = dataclasses.replace(config, crop=(height, width))
    config = dataclasses.replace(config, seed=seed)
    if record is not None and "class_weights" in record:
        weights = record["class_weights"]
    else:
        weights = resolved_class_weights(config, Data(train, train, classes))
    return Recipe(config, train, weights, classes, source.model)


def fit(
    network: tf_keras.Model,
    how: Recipe,
    *,
    label: str,
    epochs: int,
    learning_rate: float,
    checkpoint: Path | None = None,
    before_step: Callable[[], None] | None = None,
    zeros: Sequence[tuple[tf.Variable, tf.Tensor]] = (),
) -> list[float]:
    """Trains `network` in place, with Adam and a learning rate that falls to zero by a cosine.

    Args:
        network: from RGB 0..255 to logits.
        how: what to train with.
        label: what is being done, for the progress lines and the checkpoint.
        epochs: passes over the training images.
        learning_rate: of the first step.
        checkpoint: written after each epoch, and read first if it is of the same training.
        before_step: called before each step.
        zeros: variables, and 0 where they must stay 0, else 1.

    Returns:
        The mean loss of each epoch that was trained now.

    Raises:
        UserError: the loss is no finite number, or the checkpoint cannot be written.
    """
    keras.utils.set_random_seed(how.config.seed)
    # A training that was cut off must end with the same weights as one that was not.
    tf.config.experimental.enable_op_determinism()
    loss_of = losses.get(how.config.loss, how.num_classes, class_weights=how.class_weights)
    rate = tf_keras.optimizers.schedules.CosineDecay(learning_rate, epochs * how.steps)
    optimizer = tf_keras.optimizers.Adam(rate)
    optimizer.build(network.trainable_variables)
    state = [*network.variables, *optimizer.variables]
    mark = _mark(state, how, label, epochs, learning_rate)
    start = _restore(checkpoint, state, mark)

    @tf.function(autograph=False)
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        taught = how.teacher(images, training=False)
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            loss = loss_of(labels, logits) + TEACHING * divergence(taught, logits)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        for variable, kept in zeros:
            variable.assign(variable * kept)
        return loss

    batches = iter(make_dataset(how.config, how.samples, start)) if start < epochs else iter(())
    means = []
    for epoch in range(start, epochs):
        began, total = time.monotonic(), 0.0
        for _ in counted(range(how.steps), how.steps, f"{label} epoch {epoch + 1}", "steps"):
            if before_step is not None:
                before_step()
            with named_errors():
                batch = next(batches)
            loss = float(step(*batch))
            if not math.isfinite(loss):
                raise UserError(
                    f"`loss` must stay finite. Received: {loss} in epoch {epoch + 1} of {label}. "
                    "Check the model and the data, or leave this training out."
                )
            total += loss
        means.append(total / how.steps)
        seconds = time.monotonic() - began
        print(
            f"{label}: epoch {epoch + 1} of {epochs}, loss {means[-1]:.4f}, {seconds:.0f} s",
            file=sys.stderr,
            flush=True,
        )
        _save(checkpoint, state, mark, epoch + 1)
    return means


def _mark(
    state: Sequence[tf.Variable], how: Recipe, label: str, epochs: int, learning_rate: float
) -> str:
    """Identifies a training: how it is done, and the weights it begins with."""
    config = how.config.to_json()
    facts = [label, epochs, learning_rate, config, how.class_weights, how.samples.source]
    digest = hashlib.sha256(json.dumps([*facts, fingerprint(how.samples)]).encode())
    for variable in state:
        digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return digest.hexdigest()


def _save(path: Path | None, state: Sequence[tf.Variable], mark: str, epochs: int) -> None:
    if path is None:
        return
    arrays = {f"v{index}": variable.numpy() for index, variable in enumerate(state)}
    with replacing(path) as aside, open(aside, "wb") as file:
        np.savez(file, mark=mark, epochs=epochs, **arrays)


def _restore(path: Path | None, state: Sequence[tf.Variable], mark: str) -> int:
    """The finished epochs in a checkpoint of this training, 0 where there is none."""
    if path is None or not path.is_file():
        return 0
    try:
        with np.load(path) as arrays:
            if str(arrays["mark"]) != mark:
                return 0
            for index, variable in enumerate(state):
                variable.assign(arrays[f"v{index}"])
            epochs = int(arrays["epochs"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return 0  # a damaged file is no reason to refuse: the training starts again
    print(f"going on after epoch {epochs}, kept in {path}", file=sys.stderr, flush=True)
    return epochs
