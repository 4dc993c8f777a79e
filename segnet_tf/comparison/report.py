"""What a comparison leaves in its folder: the table in three forms, and the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segnet_tf.comparison import table
from segnet_tf.comparison.figures import Figures
from segnet_tf.comparison.measurements import Job
from segnet_tf.runs.records import versions
from segnet_tf.system import processor
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from segnet_tf.plots.tradeoff import Point

# Times the slowest network's time: a rival beyond it has no line in the picture.
_SLOWER = 4.0
JSON, MARKDOWN, PICTURE = "comparison.json", "comparison.md", "comparison.png"


def write(output: Path, jobs: Sequence[Job], rows: Sequence[Figures]) -> str:
    """Writes the table as JSON and Markdown, and the picture.

    Returns:
        The table as text.
    """
    splits = jobs[0].splits
    about = {
        "data": jobs[0].config.data,
        "size": jobs[0].size,
        "seeds": sorted({job.config.seed for job in jobs}),
        "splits": splits,
        "machine": processor.description(),
        "versions": versions(),
    }
    write_json(output / JSON, about | {"rows": [row.to_json() for row in rows]})
    with replacing(output / MARKDOWN) as aside:
        aside.write_text(table.markdown(rows, splits) + "\n", encoding="utf-8")
    _draw(output / PICTURE, about, rows)
    return table.text(rows, splits)


def points_of(rows: Sequence[Figures]) -> tuple[list[Point], list[str]]:
    """The rows in the picture: times, memory and scores of their int8 files.

    A row without scores may have a float32 file only.

    Returns:
        The points, and the names and times of rivals that are much slower than all networks: a line
        for them would press the others together.
    """
    from segnet_tf.plots.tradeoff import Point

    points = []
    for row in rows:
        scores = {
            split: 100 * found.int8_mean_iou.mean
            for split, found in row.scores.items()
            if found.int8_mean_iou is not None
        }
        name, file = row.name, row.files.get("int8")
        if file is None and not row.scores:
            name, file = f"{row.name}, float32", row.files.get("float32")
        if file is not None:
            memory = None if file.arena_bytes is None else file.arena_bytes / 1e6
            points.append(Point(name, file.ms, memory, scores))
    slowest = max((point.milliseconds for point in points if point.scores), default=math.inf)
    far = [point for point in points if point.milliseconds > _SLOWER * slowest]
    shown = [point for point in points if point not in far]
    return shown, [f"{point.name}, {point.milliseconds:.0f} ms" for point in far]


def _draw(path: Path, about: dict[str, Any], rows: Sequence[Figures]) -> None:
    start_tensorflow()
    from segnet_tf.plots.tradeoff import tradeoff

    points, far = points_of(rows)
    height, width = about["size"]
    note = (
        f"int8 files, {height}x{width}, one thread of {about['machine']}. "
        "The area of a point is the memory of its tensors (MB). Dotted: timed only."
    )
    if far:
        note += f" Far to the right: {'; '.join(far)}."
    with replacing(path) as aside:
        tradeoff(points, about["splits"], note, aside)
