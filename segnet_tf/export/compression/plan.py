"""What may be trained into a model before it is exported: fewer weights, fewer values, int8."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError

EPOCHS = 4
LARGEST_CLUSTERS = 256  # int8 has no more values


@dataclasses.dataclass(frozen=True)
class Compression:
    """What was asked for; nothing by default.

    Attributes:
        qat: epochs of quantization-aware fine-tuning.
        prune: share of the weights that become zero.
        cluster: how many different values a filter may have.
        epochs: that pruning and clustering train for, each; `None` is `EPOCHS`.
    """

    qat: int | None = None
    prune: float | None = None
    cluster: int | None = None
    epochs: int | None = None

    def __bool__(self) -> bool:
        return any(field is not None for field in dataclasses.astuple(self))

    def __post_init__(self) -> None:
        if self.qat is not None and self.qat < 1:
            _refuse(f"`--qat` must be at least 1 epoch. Received: {self.qat}. 2 to 5 are usual.")
        if self.prune is not None and not 0 < self.prune < 1:
            _refuse(
                "`--prune` must be a share of the weights above 0 and below 1. "
                f"Received: {self.prune:g}. 0.5 is usual."
            )
        if self.cluster is not None and not 2 <= self.cluster <= LARGEST_CLUSTERS:
            _refuse(
                f"`--cluster` must be 2 to {LARGEST_CLUSTERS} values a filter. "
                f"Received: {self.cluster}. 16 to 64 are usual."
            )
        if self.epochs is not None and self.epochs < 1:
            _refuse(f"`--fine-tune-epochs` must be at least 1. Received: {self.epochs}.")
        if self.prune is not None and self.cluster == 2:
            _refuse(
                "`--cluster` must be 3 or more values a filter with --prune: one of them is 0. "
                "Received: 2. 16 to 64 are usual."
            )
        if self.qat is not None and self.cluster is not None:
            _refuse(
                "`--cluster` cannot be combined with --qat, which would pull each weight out of "
                "its cluster. Received: both. Leave one out."
            )
        if self.epochs is not None and self.prune is None and self.cluster is None:
            _refuse(
                "`--fine-tune-epochs` is how long --prune or --cluster trains. "
                f"Received: {self.epochs} without either. Add one; --qat has its own epochs."
            )

    def shrink(self, source: Any, data: str | None, seed: int, path: Path) -> Any:
        """`source` with the model pruned, clustered or first one and then the other.

        Args:
            source: a `sources.Source`.
            data, seed: see `finetune.recipe`.
            path: what the checkpoints are named after, usually the file to be written.
        """
        if self.prune is None and self.cluster is None:
            return source
        from segnet_tf.export.compression import compress, finetune

        how = finetune.recipe(source, data, seed)
        model, epochs = source.model, self.epochs or EPOCHS
        of_pruning, of_clustering, _ = _checkpoints(path)
        if self.prune is not None:
            model = compress.prune(
                model, how, sparsity=self.prune, epochs=epochs, checkpoint=of_pruning
            )
        if self.cluster is not None:
            model = compress.cluster(
                model,
                how,
                clusters=self.cluster,
                epochs=epochs,
                checkpoint=of_clustering,
                keep_zeros=self.prune is not None,
            )
        return dataclasses.replace(source, model=model)

    def train_int8(
        self, original: Any, source: Any, ranges: Any, data: str | None, seed: int, path: Path
    ) -> tuple[Any, Any]:
        """`source` and `ranges` after quantization-aware fine-tuning, or as they are.

        Args:
            original: the `sources.Source` before `shrink`, whose answers are learned.
            source, data, seed, path: as in `shrink`.
            ranges: of the tensors of `source`.
        """
        if self.qat is None:
            return source, ranges
        from segnet_tf.export.compression import finetune, qat

        model, ranges = qat.train(
            source.model,
            ranges,
            finetune.recipe(original, data, seed),
            epochs=self.qat,
            checkpoint=_checkpoints(path)[2],
            keep_zeros=self.prune is not None,
        )
        return dataclasses.replace(source, model=model), ranges

    def added_to(
        self, report: Any, original: Any, source: Any, samples: Any, size: Any, largest_drop: float
    ) -> Any:
        """The report of a file with what was done, and what that cost.

        Args:
            report: the `verify.Report`, which compares the file with the model it was made from.
            original: the `sources.Source` before that.
            source: the one the file was made from.
            samples: to score on, or `None`.
            size: `(height, width)` of the file's input.
            largest_drop: mIoU, as a fraction, that the file may lose to the original.
        """
        from segnet_tf.export.checks import agreement
        from segnet_tf.export.compression import compress

        facts = {
            "qat_epochs": self.qat,
            "prune": self.prune,
            "cluster": self.cluster,
            "fine_tune_epochs": (self.epochs or EPOCHS) if self.prune or self.cluster else None,
            "zeros": compress.zeros_share(source.model),
            "original_mean_iou": None,
            "lost_mean_iou": None,
        }
        failures = report.failures
        if samples is not None:
            before = agreement.mean_iou(original.model, samples, size)
            lost = before - report.facts["scores"]["tflite_mean_iou"]
            facts |= {"original_mean_iou": before, "lost_mean_iou": lost}
            if lost > largest_drop:
                failure = (
                    f"{100 * lost:.2f} points of mIoU lost to the model before, at most "
                    f"{100 * largest_drop:.2f} are allowed; train longer or raise --max-drop"
                )
                failures = (*failures, failure)
        return dataclasses.replace(
            report, facts=report.facts | {"compression": facts}, failures=failures
        )


def clear_checkpoints(path: Path) -> None:
    """Removes the checkpoints of a file that has been written."""
    for checkpoint in _checkpoints(path):
        checkpoint.unlink(missing_ok=True)


def described(report: Any) -> str:
    """A `verify.Report` for a person, with what training and `--debug` add to it."""
    from segnet_tf.export.checks import layer_errors

    text = report.text()
    facts = report.facts.get("compression")
    if facts:
        text += f"\nfilters      {100 * facts['zeros']:.1f} % of the Conv2D weights are 0"
        if facts["original_mean_iou"] is not None:
            text += (
                f"\nbefore       {100 * facts['original_mean_iou']:.2f} % mean IoU in Keras, "
                f"lost {100 * facts['lost_mean_iou']:+.2f} points"
            )
    if "layer_errors" in report.facts:
        text += "\n\n" + layer_errors.text(report.facts["layer_errors"])
    return text


def _checkpoints(path: Path) -> tuple[Path, ...]:
    """Of pruning, of clustering, and of quantization-aware training."""
    return tuple(path.with_name(f".{path.name}.{part}.npz") for part in ("prune", "cluster", "qat"))


def _refuse(message: str) -> None:
    raise UserError(message)
