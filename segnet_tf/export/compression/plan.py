"""What may be trained into a model before it is exported: fewer weights, fewer values, int8."""

from __future__ import annotations

import dataclasses
from numbers import Integral, Real

from segnet_tf.errors import UserError

EPOCHS = 4
LARGEST_CLUSTERS = 256  # int8 has no more values


@dataclasses.dataclass(frozen=True)
class Compression:
    """What was asked for; nothing by default.

    Attributes:
        qat: epochs of quantization-aware training, in which the model learns to be int8.
        prune: share of the weights that become zero.
        cluster: how many different values a filter may have.
        epochs: that pruning and clustering train for, each; `None` is `EPOCHS`.

    Raises:
        UserError: a value or a combination that cannot be.
    """

    qat: int | None = None
    prune: float | None = None
    cluster: int | None = None
    epochs: int | None = None

    def __bool__(self) -> bool:
        return any(field is not None for field in dataclasses.astuple(self))

    def __post_init__(self) -> None:
        problem = self._wrong_value() or self._wrong_combination()
        if problem:
            raise UserError(problem)

    def _wrong_value(self) -> str:
        """The message for a field that is out of bounds, empty if none is."""
        for name, value in dataclasses.asdict(self).items():
            kind = Real if name == "prune" else Integral
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                return (
                    f"`{name}` must be a number. Received: {value!r}. Leave it out, or correct it."
                )
        if self.qat is not None and self.qat < 1:
            return (
                f"`qat` (--qat) must be at least 1 epoch. Received: {self.qat}. 2 to 5 are usual."
            )
        if self.prune is not None and not 0 < self.prune < 1:
            return (
                "`prune` (--prune) must be a share of the weights above 0 and below 1. "
                f"Received: {self.prune:g}. 0.5 is usual."
            )
        if self.cluster is not None and not 2 <= self.cluster <= LARGEST_CLUSTERS:
            return (
                f"`cluster` (--cluster) must be 2 to {LARGEST_CLUSTERS} values a filter. "
                f"Received: {self.cluster}. 16 to 64 are usual."
            )
        if self.epochs is not None and self.epochs < 1:
            return (
                "`epochs` (--fine-tune-epochs) must be at least 1. "
                f"Received: {self.epochs}. Leave it out for {EPOCHS}."
            )
        return ""

    def _wrong_combination(self) -> str:
        """The message for fields that exclude each other, empty if none do."""
        if self.prune is not None and self.cluster == 2:
            return (
                "`cluster` (--cluster) must be 3 or more values a filter with `prune` (--prune): "
                "one of them is 0. Received: 2. 16 to 64 are usual."
            )
        if self.qat is not None and self.cluster is not None:
            return (
                "`cluster` (--cluster) cannot be combined with `qat` (--qat), which would pull "
                "each weight out of its cluster. Received: both. Leave one out."
            )
        if self.epochs is not None and self.prune is None and self.cluster is None:
            return (
                "`epochs` (--fine-tune-epochs) is how long `prune` or `cluster` trains. "
                f"Received: {self.epochs} without either. Add one; `qat` has its own epochs."
            )
        return ""
