"""What a run needs before its first step: data, class weights, model, number of epochs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from segnet_tf import losses, metrics, models
from segnet_tf.config import TrainConfig
from segnet_tf.data import Samples, open_source
from segnet_tf.data.augment import PRESETS
from segnet_tf.data.decoded import named_errors
from segnet_tf.data.fingerprint import Fingerprint, fingerprint
from segnet_tf.data.label_maps import label_count
from segnet_tf.data.order import Share
from segnet_tf.data.pasting import Pasting, rare_classes
from segnet_tf.data.pipeline import evaluation_batches, steps_per_epoch, training_dataset
from segnet_tf.errors import UserError
from segnet_tf.layers import FusedBatchNormalization, TrainingDepthwiseConv2D
from segnet_tf.losses.class_weights import enet_weights, median_frequency_weights
from segnet_tf.models.deep_supervision import supervised
from segnet_tf.runs.splits import reading_of, split_of
from segnet_tf.training.distillation import open_teacher, teach
from segnet_tf.training.optimizers import make_optimizer
from segnet_tf.training.replicas import mend
from segnet_tf.training.survey import Survey, survey_of


@dataclasses.dataclass(frozen=True)
class Data:
    """The samples of a run, and how many logits a pixel its model gives."""

    train: Samples
    val: Samples
    num_classes: int

    @classmethod
    def open(cls, config: TrainConfig) -> Data:
        """Opens both splits; UserError if they or the number of classes don't fit."""
        reading = reading_of(vars(config))
        source = open_source(config.data, size=config.size, **reading)  # listed once
        train = split_of(source, config.train_split, config.limit_train)
        val = split_of(source, config.val_split, config.limit_val)
        classes = len(train.classes)
        num_classes = config.num_classes or classes
        if config.num_classes is None and config.loss == "binary":
            num_classes = 1
        if num_classes != classes and not (num_classes == 1 and classes == 2):
            raise UserError(
                "`num_classes` must be the number of classes of the data, or 1 for one logit "
                f"where it has two. Received: num_classes={num_classes}, {classes} classes in "
                f"{config.data}. Leave it out or choose another loss than `binary`."
            )
        return cls(train, val, num_classes)

    @cached_property
    def survey(self) -> Survey:
        """Reads the training images once, a sample of many; UserError if one is damaged."""
        return survey_of(self.train, label_count(self.num_classes))

    @cached_property
    def fingerprints(self) -> dict[str, Fingerprint]:
        """What tells both splits from other data."""
        return {"train": fingerprint(self.train), "val": fingerprint(self.val)}


def size_of(samples: Samples) -> tuple[int, int]:
    """`(height, width)` in pixels of the first image."""
    height, width = samples.read(0)[1].shape
    return height, width


def be_repeatable(config: TrainConfig) -> None:
    """Sets every seed, and lets TensorFlow use only ops that give the same bits each time."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()


def new_model(config: TrainConfig, num_classes: int) -> keras.Model:
    """The network of a run with fresh weights, for images of any size."""
    return models.build(
        config.model, num_classes, input_shape=(None, None, 3), **config.model_options
    )


def fused(model: keras.Model, synchronized: bool = False) -> keras.Model:
    """A copy of `model` to train: layers whose steps are fast, new weights in the same order.

    Args:
        model: a functional model whose batch normalizations scale and center the last axis.
        synchronized: normalize by the images of all replicas.
    """
    faster: dict[type[keras.layers.Layer], type[keras.layers.Layer]] = {
        keras.layers.BatchNormalization: FusedBatchNormalization,
        keras.layers.DepthwiseConv2D: TrainingDepthwiseConv2D,
    }

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        cls = type(layer)
        own = layer.get_config()
        if synchronized and cls is keras.layers.BatchNormalization:
            own["synchronized"] = True
        return faster.get(cls, cls).from_config(own)

    return keras.models.clone_model(model, clone_function=copy)


def compiled_model(config: TrainConfig, data: Data, weights: list[float] | None) -> keras.Model:
    """`new_model` in the run's precision, `fused`, `supervised`, compiled and with its teacher.

    On several replicas it has to be called in the scope of their strategy.
    """
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    policy = config.mixed_precision
    keras.config.set_dtype_policy(policy if policy == "float32" else f"mixed_{policy}")
    try:
        synchronized = several and config.batch_norm == "synchronized"
        model = supervised(fused(new_model(config, data.num_classes), synchronized))
        model.compile(
            optimizer=make_optimizer(config, steps_per_epoch(data.train, config.batch_size)),
            loss=losses.get(config.loss, data.num_classes, class_weights=weights),
            metrics=[metrics.SegmentationScores(data.num_classes)],
            steps_per_execution=config.steps_per_execution,
        )
        if config.teacher is not None:
            size = config.crop or size_of(data.train)
            teacher = open_teacher(config, data.train.classes, data.num_classes, size)
            teach(model, teacher, config.teacher_weight)
    finally:
        keras.config.set_dtype_policy("float32")
    model.optimizer.build(model.trainable_variables)
    if several:
        mend(model)
    return model


def resolved_class_weights(config: TrainConfig, data: Data) -> list[float] | None:
    """`config.class_weights` as numbers; median and enet count the training images' pixels."""
    weights: Iterable[float]
    kind, _, constant = config.class_weights.partition(":")
    if kind == "none":
        return None
    if config.loss == "dice" and kind in ("median", "enet"):  # Dice counts every class alike.
        return None
    try:
        if kind == "enet":
            strength = {"c": float(constant)} if constant else {}
            weights = enet_weights(data.survey.census.pixels, **strength)
        elif config.class_weights == "median":
            census = data.survey.census
            weights = median_frequency_weights(census.pixels)
            if census.of is not None:  # what the sample lacks may be in the other images
                weights[census.pixels == 0] = weights.max()
        else:
            weights = [float(text) for text in config.class_weights.split(",")]
    except UserError:
        raise
    except ValueError:
        raise UserError(
            "`class_weights` must be median, enet, enet:C, none or one number a class with commas "
            f"between. Received: {config.class_weights}."
        ) from None
    return [float(weight) for weight in weights]


def make_dataset(
    config: TrainConfig,
    samples: Samples,
    start_epoch: int,
    cache: str = "auto",
    share: Share | None = None,
) -> tf.data.Dataset:
    """The endless stream of training batches of a run, from `start_epoch` on, or a share of it."""
    augmentation = PRESETS[config.augment]
    if config.scale is not None:
        augmentation = dataclasses.replace(augmentation, scale=config.scale)
    if config.rotation is not None:
        augmentation = dataclasses.replace(augmentation, rotation=config.rotation)
    pasting = None
    if config.paste:
        pasting = Pasting(
            config.paste, rare_classes(survey_of(samples, len(samples.classes)).census)
        )
    return training_dataset(
        samples,
        batch_size=config.batch_size,
        crop=config.crop,
        augmentation=augmentation,
        pasting=pasting,
        seed=config.seed,
        start_epoch=start_epoch,
        cache=cache,
        share=share,
    )


def epochs_in(config: TrainConfig, data: Data, weights: list[float] | None) -> int:
    """How many epochs `config.minutes` hold, from a few timed steps on throwaway weights."""
    assert config.minutes is not None
    with named_errors():
        batches = list(make_dataset(config, data.train, 0).take(5))
    few = data.val.subset(min(4, len(data.val)))
    model = compiled_model(config, data, weights)

    def timed(run: Callable[..., object], *arguments: object) -> float:
        began = time.monotonic()
        run(*arguments)
        return time.monotonic() - began

    # Not timed: the first call also builds the graph, which is little in a whole epoch.
    model.train_on_batch(*batches[0])
    step = np.median([timed(model.train_on_batch, *batch) for batch in batches[1:]])
    validation = list(evaluation_batches(few, batch_size=1))
    model.test_on_batch(*validation[0])
    image = np.median([timed(model.test_on_batch, *batch) for batch in validation])
    epoch = step * steps_per_epoch(data.train, config.batch_size)
    epoch += image * len(data.val) / config.val_every
    return max(1, int(config.minutes * 60 / epoch))
