"""The devices and machines that train one run together, on `tf.distribute`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from segnet_tf.data import Samples
from segnet_tf.data.classes import VOID
from segnet_tf.data.order import Share
from segnet_tf.data.pipeline import evaluation_dataset
from segnet_tf.errors import UserError

# What the loss of another worker is in TensorFlow, by when and where it is noticed.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.CancelledError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


@dataclasses.dataclass(frozen=True)
class Workers:
    """All processes that train one run, seen from one of them.

    Attributes:
        strategy: TensorFlow's; its default one for a run on one device.
        share: which of the workers this is, and what it reads.
        devices: what trains, for people; None for a run that was not to be distributed.
    """

    strategy: tf.distribute.Strategy
    share: Share
    devices: str | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder; the others write nothing there."""
        return self.share.worker == 0

    @property
    def is_one(self) -> bool:
        """Whether there is one replica only, which needs no `tf.distribute`."""
        return self.share.replicas == 1

    def require_even(self, batch_size: int) -> None:
        """Raises UserError if a batch cannot be divided evenly among the replicas."""
        replicas = self.share.replicas
        if batch_size % replicas:
            raise UserError(
                "`batch_size` must divide by the replicas, since it is the batch of all of them "
                f"together. Received: batch_size={batch_size} for {replicas} replicas on "
                f"{self.share.workers} workers. "
                f"Take {-(-batch_size // replicas) * replicas}."
            )

    @contextlib.contextmanager
    def together(self) -> Iterator[dict[str, object]]:
        """A part of the work that all workers end alike: nobody trains on while one has failed.

        Yields:
            A table to fill with what has to be the same on all workers, values of JSON.

        Raises:
            UserError: on every worker, if the block raises one on any of them, if the tables
                differ, or if a worker is gone.
        """
        facts: dict[str, object] = {}
        failure: UserError | None = None
        with self.naming_losses():
            try:
                yield facts
            except UserError as error:
                failure = error
            if self.share.workers > 1:
                told = self._tell(json.dumps({"failure": failure and str(failure), "facts": facts}))
                if failure is None:
                    _require_alike([json.loads(text) for text in told])
        if failure is not None:
            raise failure

    def _tell(self, text: str) -> list[str]:
        """What each worker tells, in their order."""
        own = np.frombuffer(text.encode(), np.uint8)
        lengths = self._summed(np.eye(self.share.workers)[self.share.worker] * len(own))
        table = np.zeros((self.share.workers, int(lengths.max())))
        table[self.share.worker, : len(own)] = own
        told = self._summed(table).astype(np.uint8)
        return [
            row[: int(length)].tobytes().decode() for row, length in zip(told, lengths, strict=True)
        ]

    def _summed(self, values: np.ndarray) -> np.ndarray:
        """The sum over the workers. float32: whole numbers below 2**24 stay exact."""
        local = self.share.replicas // self.share.workers

        def replica() -> tf.Tensor:
            found = tf.distribute.get_replica_context()
            own = tf.identity(tf.constant(values, tf.float32) / local)
            return found.all_reduce(tf.distribute.ReduceOp.SUM, own)

        found = tf.function(lambda: self.strategy.run(replica))()
        return np.rint(self.strategy.experimental_local_results(found)[0].numpy())

    def training_data(
        self, make: Callable[[Share], tf.data.Dataset]
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """What `fit` trains on: `make` gives the batches of this worker's devices in turn."""
        return self._given(make(self.share))

    def validation_data(
        self, samples: Samples, batch_size: int, cache: str
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """What `fit` takes to validate on: each image goes to one replica.

        Several replicas take one image each at a time. The number of images need not divide by
        them: the rest of the last step is images of void, which weigh nothing in a score.

        Args:
            samples: all of the split.
            batch_size: of a run on one device.
            cache: see `evaluation_dataset`.
        """
        if self.is_one:
            return evaluation_dataset(samples, batch_size=batch_size, cache=cache)
        replicas = self.share.replicas
        numbers = np.arange(-(-len(samples) // replicas) * (replicas // self.share.workers))
        positions = self.share.position(numbers, replicas)
        real = int((positions < len(samples)).sum())
        own = samples.subset(np.minimum(positions, len(samples) - 1))

        void = tf.constant(VOID, tf.uint8)
        pairs = evaluation_dataset(own, batch_size=1, cache=cache).enumerate()
        return self._given(pairs.map(lambda i, pair: (pair[0], tf.where(i < real, pair[1], void))))

    def _given(
        self, dataset: tf.data.Dataset
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        if self.is_one:
            return dataset
        return self.strategy.distribute_datasets_from_function(lambda _: dataset)

    @contextlib.contextmanager
    def naming_losses(self) -> Iterator[None]:
        """Turns TensorFlow's error after the loss of another worker into one line.

        Raises:
            UserError: another worker is gone.
        """
        try:
            yield
        except _LOST as error:
            if self.share.workers == 1:
                raise
            raise UserError(
                f"`workers` must all go on, {self.share.workers} train this run. Received: one "
                f"that has stopped ({first_line(error)}). Look for its own message, then start all "
                "of them again, with --resume if the run has begun."
            ) from error


def _require_alike(told: list[dict[str, Any]]) -> None:
    """Raises UserError if a worker failed, or knows other facts than the chief."""
    for worker, content in enumerate(told):
        if content["failure"] is not None:
            raise UserError(f"worker {worker} of {len(told)}: {content['failure']}")
    expected = told[0]["facts"]
    for worker, content in enumerate(told):
        for name, value in content["facts"].items():
            if value != expected[name]:
                raise UserError(
                    f"`{name}` must be the same on all workers. Received: {value} on worker "
                    f"{worker}, {expected[name]} on worker 0. Start all of them alike, from the "
                    "same data."
                )


def first_line(error: tf.errors.OpError) -> str:
    """The beginning of what an error of TensorFlow's says; of a failed exchange, why it failed."""
    text = str(error.message).strip()
    _, aborted, reason = text.partition("Collective ops is aborted by: ")
    return (reason if aborted else text).partition("\n")[0][:160]
