"""Distillation: training on what another network says of each pixel, besides the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from segnet_tf.config import TrainConfig
from segnet_tf.data.classes import Classes
from segnet_tf.errors import UserError
from segnet_tf.losses.divergence import divergence
from segnet_tf.models import output_kind
from segnet_tf.models.input_size import channel_words, check_size
from segnet_tf.runs.checkpoints import load_model, read_record, resolve
from segnet_tf.runs.records import require_same_order


def teach(model: keras.Model, teacher: keras.Model, weight: float) -> None:
    """Adds a term to the loss that a model is trained by: how far it is from a teacher.

    The term is `weight * mean(sum(t * ln(t / p)))`, t and p being the probabilities that teacher
    and model give the classes of a pixel, the mean over all pixels: the teacher knows those of the
    void too (Hinton et al., 2015, https://arxiv.org/abs/1503.02531, at a temperature of 1).
    Validation has the labels' loss alone. The model keeps its class and its layers, so its
    checkpoints are as without a teacher.

    Args:
        model: compiled, from images to logits or to several outputs with the logits first.
        teacher: from the same images to logits of the same size; it is not trained.
        weight: of the term, 0 or more.
    """
    of_labels = model.compute_loss
    # Keras adds the losses of replicas up.
    share = weight / tf.distribute.get_strategy().num_replicas_in_sync

    def compute_loss(
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        loss = of_labels(x, y, y_pred, sample_weight, training)
        if not training:
            return loss
        taught = tf.stop_gradient(teacher(x, training=False))
        return loss + share * divergence(taught, keras.tree.flatten(y_pred)[0])

    model.compute_loss = compute_loss


def open_teacher(
    config: TrainConfig, classes: Classes, num_classes: int, size: tuple[int, int]
) -> keras.Model:
    """The network that `config.teacher` names, in the precision that Keras is set to.

    Args:
        config: of the run.
        classes: of the data.
        num_classes: logits a pixel.
        size: `(height, width)` in pixels of what is trained on.

    Raises:
        UserError: there is none, it has other classes or another size, or gives no logits.
    """
    model = load_model(teacher_file(config))
    require_same_order(read_record(model), classes, config.data)
    channels, kind = model.output_shape[-1], output_kind.of(model).kind
    if model.input_shape[-1] != 3 or channels != num_classes or kind != "logits":
        raise UserError(
            f"`teacher` must give logits of the {num_classes} classes of the data for RGB images. "
            f"Received: {config.teacher} with {channels} channels of {kind} for "
            f"{channel_words(model.input_shape[-1])}. Train one on this data."
        )
    check_size(model, size, "teacher")
    policy = keras.config.dtype_policy().name

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        if not isinstance(layer, keras.layers.Layer):
            return layer  # an operation of `keras.ops`, which has no weights
        return type(layer).from_config(layer.get_config() | {"dtype": policy})

    made = keras.models.clone_model(model, clone_function=copy)
    made.set_weights(model.get_weights())
    return made


def teacher_file(config: TrainConfig) -> Path:
    """The file that `config.teacher` names.

    Raises:
        UserError: there is none.
    """
    try:
        file = resolve(config.teacher or "none")
    except UserError:
        file = None
    if file is None or file.suffix != ".keras":
        raise UserError(
            "`teacher` must be a finished run, a .keras file or weights:NAME. "
            f"Received: {config.teacher}. Say where it is (--teacher MODEL, with --resume too)."
        )
    return file
