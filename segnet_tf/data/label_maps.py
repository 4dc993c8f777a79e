"""How every loss and score reads labels and logits: one class id a pixel, void masked."""

from __future__ import annotations

import tensorflow as tf

from segnet_tf.data.classes import VOID
from segnet_tf.errors import UserError


def label_count(num_classes: int) -> int:
    """Number of class ids in the labels: 2 for one logit (`num_classes=1`)."""
    if isinstance(num_classes, bool) or int(num_classes) != num_classes or num_classes < 1:
        raise UserError(
            "`num_classes` must be a whole number of 1 or more. "
            f"Received: num_classes={num_classes!r}. Pass 1 for one logit (foreground or "
            "background), else the number of classes without void."
        )
    if num_classes > VOID:
        raise UserError(
            f"`num_classes` must be at most {VOID}, which is the id of void. "
            f"Received: num_classes={num_classes}. Merge classes."
        )
    return max(int(num_classes), 2)


def true_labels(y_true: tf.Tensor, num_classes: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Class ids without void, and which pixels count.

    Args:
        y_true: any integer or float dtype, `(batch, H, W)` or `(batch, H, W, 1)`; void is 255.
        num_classes: logits a pixel; 1 means the ids 0 (background) and 1 (foreground).

    Returns:
        `(labels, valid)`, both `(batch, H, W)`: int32 ids with void replaced by 0, and bool,
        false at void.

    Raises:
        tf.errors.InvalidArgumentError: when run, if a label is neither a class id nor void.
    """
    y_true = tf.convert_to_tensor(y_true)
    if y_true.shape.rank == 4 and y_true.shape[-1] == 1:
        y_true = tf.squeeze(y_true, -1)
    if y_true.shape.rank not in (3, None):
        raise ValueError(
            "`y_true` must be label maps of shape (batch, H, W). "
            f"Received: y_true.shape={y_true.shape}. Pass one class id a pixel, not one-hot labels."
        )
    labels = tf.cast(y_true, tf.int32)
    valid = tf.not_equal(labels, VOID)
    labels = tf.where(valid, labels, 0)
    ids = label_count(num_classes)
    # Without this check an unknown id would be missing in the confusion matrix without a word,
    # and would give a NaN loss on a GPU.
    check = tf.debugging.Assert(
        tf.reduce_all((labels >= 0) & (labels < ids)),
        [
            f"Labels must be class ids 0 to {ids - 1}, or {VOID} for void. Received labels up to:",
            tf.reduce_max(labels),
            "Check `num_classes` and the masks.",
        ],
    )
    # In eager mode the check has run already and is None.
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(labels), valid


def check_logits(y_pred: tf.Tensor, num_classes: int) -> tf.Tensor:
    """`y_pred` as a tensor `(batch, H, W, num_classes)`, or a ValueError if it isn't that."""
    y_pred = tf.convert_to_tensor(y_pred)
    if y_pred.shape.rank not in (4, None) or y_pred.shape[-1] not in (num_classes, None):
        raise ValueError(
            f"`y_pred` must be logits of shape (batch, H, W, {num_classes}). "
            f"Received: y_pred.shape={y_pred.shape}. "
            "Give the model and its losses and metrics the same `num_classes`."
        )
    return y_pred


def logits_behind(y_pred: tf.Tensor) -> tf.Tensor | None:
    """The logits whose softmax or sigmoid `y_pred` is; None if it is not known to be one.

    Keras notes them at the output of its own two functions. Where a cast has lost the note, the
    graph of the training step still has the operation.
    """
    noted = getattr(y_pred, "_keras_logits", None)
    if noted is not None or not tf.is_symbolic_tensor(y_pred):
        return noted
    operation = y_pred.op
    while operation.type in ("Cast", "Identity"):
        operation = operation.inputs[0].op
    return operation.inputs[0] if operation.type in ("Softmax", "Sigmoid") else None


def predicted_labels(y_pred: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Class ids, int32 `(batch, H, W)`, that logits `(batch, H, W, num_classes)` stand for.

    The highest logit wins, the first of equals; one logit is foreground (1) above 0. Probabilities
    of a model that ends in softmax or sigmoid are taken for what they are, if Keras tells.
    """
    logits = logits_behind(y_pred)
    y_pred = check_logits(y_pred if logits is None else logits, num_classes)
    if num_classes == 1:
        return tf.cast(y_pred[..., 0] > 0, tf.int32)
    return tf.argmax(y_pred, axis=-1, output_type=tf.int32)
