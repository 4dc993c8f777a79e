"""The parity table as text: a line for each cell, pair of int8 kernels, and kind of int8 op."""

from __future__ import annotations

import math

from segnet_tf.export.checks.int8_kernels import LARGEST_ERROR, OpError, Pair
from segnet_tf.export.checks.parity import Cell
from segnet_tf.export.checks.uncertainty import four_digits

HEADER = (
    "format   runtime         images  nodes      pixels %   mIoU %  Keras %     worst      mean"
    "  target"
)


def row(cell: Cell) -> str:
    """A line of the table. Percentages are cut off, not rounded: 100 means all."""
    taken = "some" if cell.delegated is None else str(cell.delegated)
    promise = "" if cell.met is None else f"{cell.target}: {'yes' if cell.met else 'NO'}"
    if cell.all_delegated is False:
        promise += f"{', ' if promise else ''}one delegate: NO"
    if cell.entropy_difference is not None:
        promise += (
            f"{', ' if promise else ''}entropy {cell.entropy_difference:.1e} nats apart, rank "
            f"correlation {four_digits(cell.entropy_rank)}"
        )
    return (
        f"{cell.file_format:8} {cell.runtime:14} {cell.images:7}  {f'{taken}/{cell.nodes}':9}"
        f"  {_percent(cell.pixels):>8}  {100 * cell.mean_iou:7.2f}"
        f"  {100 * cell.keras_mean_iou:7.2f}"
        f"  {cell.worst:8.2g}  {cell.mean:8.2g}  {promise}"
    ).rstrip()


def _percent(part: float) -> str:
    return f"{math.floor(part * 1e6) / 1e4:.4f}"


def pair_row(pair: Pair) -> str:
    """A line of the table of int8 kernels in pairs."""
    return (
        f"{pair.first:10} {pair.second:10} {pair.images:6}  {_percent(pair.codes):>8}"
        f"  {pair.worst:5}  {_percent(pair.pixels):>8}"
    )


def op_row(error: OpError) -> str:
    """A line of the table of int8 ops against exact arithmetic."""
    kept = "yes" if error.worst <= LARGEST_ERROR else "NO"
    return (
        f"{error.runtime:10} {error.op:18} {error.count:4}  {_percent(error.rounded):>8}"
        f"  {error.worst:6.3f}  <= {LARGEST_ERROR:g}: {kept}"
    )


def refused_row(file_format: str, runtime: str, reason: str) -> str:
    """A line of the table for a file that could not be run."""
    return f"{file_format:8} {runtime:14} refused: {reason}"
