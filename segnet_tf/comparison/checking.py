"""Builds every network of a comparison before any is trained, in a subprocess, see `worker`."""

from __future__ import annotations

from collections.abc import Sequence

from segnet_tf.comparison.measurements import Job
from segnet_tf.errors import UserError
from segnet_tf.models.input_size import check_size
from segnet_tf.training.preparation import Data, new_model
from segnet_tf.training.starting_weights import start_from


def check(jobs: Sequence[Job]) -> None:
    """Builds the network of each job with the weights that it starts from; nothing is computed.

    Raises:
        UserError: a network that does not exist or has no such option, weights that do not fit, or
            a size below its depth; the message begins with the row's name.
    """
    for job in jobs:
        try:
            model = new_model(job.config, Data.open(job.config).num_classes)
            check_size(model, job.size, "size")
            start_from(job.config, model)
        except UserError as error:
            raise UserError(f"{job.row}: {error}") from error
