"""What the workers of a run must have alike, and a run that goes on with the one that began."""

from __future__ import annotations

import hashlib

import keras

from segnet_tf.config import TRACKERS, TrainConfig
from segnet_tf.data.fingerprint import difference
from segnet_tf.errors import UserError
from segnet_tf.runs.records import RunRecord, require_same_order, versions
from segnet_tf.training.distillation import teacher_file
from segnet_tf.training.preparation import Data

# Fields of a configuration that may differ between workers: each may have data and weights in a
# folder of its own. What is in those is compared.
_OF_A_WORKER = ("data", "cache", "initial_weights", "teacher", *TRACKERS)


def facts_of(
    config: TrainConfig, data: Data, weights: list[float] | None, finished: int = 0
) -> dict[str, object]:
    """What all workers must have alike before their models are built.

    Args:
        config: the configuration, resolved.
        data: both splits.
        weights: of the classes.
        finished: epochs that are done.
    """
    own = {name: value for name, value in config.to_json().items() if name not in _OF_A_WORKER}
    images = {"training_images": len(data.train), "validation_images": len(data.val)}
    names = list(data.train.classes.names)
    found = {"num_classes": data.num_classes, "classes": names, "class_weights": weights}
    found |= {"finished epochs": finished, "teacher": teacher_digest(config)}
    return {**own, **images, **found, "versions": versions()}


def teacher_digest(config: TrainConfig) -> str | None:
    """A short text that differs where the file of the teacher differs; None without a teacher.

    Raises:
        UserError: there is no such file.
    """
    if config.teacher is None:
        return None
    return hashlib.sha256(teacher_file(config).read_bytes()).hexdigest()


def digest_of(model: keras.Model) -> str:
    """A short text that differs where weights or the state of the optimizer differ."""
    digest = hashlib.blake2b(digest_size=8)
    for variable in (*model.weights, *model.optimizer.variables):
        digest.update(keras.ops.convert_to_numpy(variable).tobytes())
    return digest.hexdigest()


def require_as_begun(record: RunRecord, config: TrainConfig, data: Data) -> None:
    """Raises UserError if a run would go on with other data, or teacher, than it began with."""
    for name, then, now in (
        ("training_images", record["training_images"], len(data.train)),
        ("num_classes", record["num_classes"], data.num_classes),
    ):
        if now != then:
            raise UserError(
                f"`data` must be what the run began with, {name}={then}. "
                f"Received: {now}. "
                "Give the same data (--data DIR) or start a new run."
            )
    require_same_order(record, data.train.classes, config.data)
    if record.get("teacher") != teacher_digest(config):
        raise UserError(
            f"`teacher` must be the file that the run began with. Received: {config.teacher} with "
            "other content. Put that file back or start a new run."
        )
    # Runs of earlier versions have none.
    for split, then in record.get("fingerprints", {}).items():
        what = difference(then, data.fingerprints[split]) if split in data.fingerprints else None
        if what is not None:
            raise UserError(
                f"`data` must be what the run began with. Received: {config.data} with other "
                f"{what} in its images to {'train on' if split == 'train' else 'validate on'}. "
                "Give the same data (--data DIR) or start a new run."
            )
