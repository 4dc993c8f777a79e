"""Trains into a model what a `Compression` asks for, before and after its ranges are measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from segnet_tf.export.compression import compress, finetune, qat
from segnet_tf.export.compression.plan import EPOCHS, Compression
from segnet_tf.export.conversion.calibration import Ranges
from segnet_tf.export.sources import OpenedData, Source


@dataclasses.dataclass(frozen=True)
class Trainer:
    """The trainings of one export.

    Attributes:
        plan: what to train.
        original: the model as it was given. Each training also learns its outputs.
        data: as `Source.samples` takes it; `None` is what it was trained on.
        seed: of the order of the images and of their augmentation.
        path: what the checkpoints are named after, usually the file to be written.
    """

    plan: Compression
    original: Source
    data: OpenedData
    seed: int
    path: Path

    def shrunk(self) -> Source:
        """The original pruned, clustered, or pruned and then clustered, as the plan has it."""
        plan = self.plan
        if plan.prune is None and plan.cluster is None:
            return self.original
        how = finetune.recipe(self.original, self.data, self.seed)
        model, epochs = self.original.model, plan.epochs or EPOCHS
        if plan.prune is not None:
            model = compress.prune(
                model,
                how,
                sparsity=plan.prune,
                epochs=epochs,
                checkpoint=self._checkpoint("prune"),
            )
        if plan.cluster is not None:
            model = compress.cluster(
                model,
                how,
                clusters=plan.cluster,
                epochs=epochs,
                checkpoint=self._checkpoint("cluster"),
                keep_zeros=plan.prune is not None,
            )
        return dataclasses.replace(self.original, model=model)

    def trained_for_int8(self, source: Source, ranges: Ranges) -> tuple[Source, Ranges]:
        """`source` and its ranges after quantization-aware training; as they are without any.

        Args:
            source: what `shrunk` gave.
            ranges: of its tensors.
        """
        if self.plan.qat is None:
            return source, ranges
        model, ranges = qat.train(
            source.model,
            ranges,
            finetune.recipe(self.original, self.data, self.seed),
            epochs=self.plan.qat,
            checkpoint=self._checkpoint("qat"),
            keep_zeros=self.plan.prune is not None,
        )
        return dataclasses.replace(source, model=model), ranges

    def remove_checkpoints(self) -> None:
        """Removes what is only needed to go on with a training that was cut off."""
        for training in ("prune", "cluster", "qat"):
            self._checkpoint(training).unlink(missing_ok=True)

    def _checkpoint(self, training: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{training}.npz")
