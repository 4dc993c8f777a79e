"""The table of a comparison, as text for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from segnet_tf.comparison.figures import Figures, FileFigures, Spread
from segnet_tf.comparison.measurements import FORMATS
from segnet_tf.system.text_tables import aligned

_NONE = "-"
_NOTE = """\
Pairs are float32 / int8. arena: memory of a file's tensors. ms: median of one inference with one
thread; ratio: to the first row's file, median of interleaved rounds. step: time of a training step
and the peak memory of its process. mIoU, class average accuracy and boundary F1 are the Keras
model's, in percent; int8 drop: points of mIoU that the int8 file has less."""


def text(rows: Sequence[Figures], splits: Sequence[str]) -> str:
    """Columns of even width, and what the columns mean."""
    table = [_head(splits), *(_cells(row, splits) for row in rows)]
    lines = aligned(table, right=range(1, len(table[0])))
    return "\n".join([*lines, "", *_NOTE.splitlines(), *_notes(rows)])


def markdown(rows: Sequence[Figures], splits: Sequence[str]) -> str:
    """A Markdown table, and what its columns mean."""
    head = _head(splits)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *(_cells(row, splits) for row in rows)]
    table = ["| " + " | ".join(cells) + " |" for cells in lines]
    return "\n".join([*table, "", *_NOTE.splitlines(), *(f"- {note}" for note in _notes(rows))])


def _head(splits: Sequence[str]) -> list[str]:
    head = ["network", "M parameters", "GMAC", "arena MB", "file MB", "ms", "ratio"]
    head += ["step s", "step MB"]
    for split in splits:
        head += [f"{split} mIoU", "class average", "boundary F1", "int8 drop"]
    return head


def _cells(row: Figures, splits: Sequence[str]) -> list[str]:
    where = "" if row.size is None else f" ({row.size[0]}x{row.size[1]})"
    files = [row.files.get(form) for form in FORMATS]
    cells = [
        f"{row.name}{where}",
        _scaled(row.parameters, 1e6, 2),
        _scaled(row.macs, 1e9, 2),
        _pair(files, "arena_bytes", 1e6, 1),
        _pair(files, "file_bytes", 1e6, 2),
        _pair(files, "ms", 1, 1),
        _pair(files, "ratio", 1, 2),
        _scaled(row.step_seconds, 1, 2),
        _scaled(row.step_bytes, 1e6, 0),
    ]
    for split in splits:
        scores = row.scores.get(split)
        for name in ("mean_iou", "class_average_accuracy", "boundary_f1", "int8_drop"):
            cells.append(_percent(None if scores is None else getattr(scores, name)))
    return cells


def _notes(rows: Sequence[Figures]) -> list[str]:
    return [f"{row.name}: {note}" for row in rows for note in row.notes]


def _pair(files: Sequence[FileFigures | None], name: str, unit: float, digits: int) -> str:
    values = [None if file is None else getattr(file, name) for file in files]
    parts = [_scaled(value, unit, digits) for value in values]
    return _NONE if parts == [_NONE, _NONE] else " / ".join(parts)


def _scaled(value: float | None, unit: float, digits: int) -> str:
    return _NONE if value is None else f"{value / unit:.{digits}f}"


def _percent(spread: Spread | None) -> str:
    if spread is None:
        return _NONE
    mean = f"{100 * spread.mean:.2f}"
    return mean if spread.deviation is None else f"{mean} ±{100 * spread.deviation:.2f}"
