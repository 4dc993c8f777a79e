"""What a comparison leaves in its folder: the table in three forms, and the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segnet_tf.comparison import table
from segnet_tf.comparison.figures import Figures
from segnet_tf.comparison.measurements import Job
from segnet_tf.runs.records import versions
from segnet_tf.system import processor
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

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


def _draw(path: Path, about: dict[str, Any], rows: Sequence[Figures]) -> None:
    """Times, memory and scores of the int8 files; a rival's float32 file if it has no int8 one."""
    start_tensorflow()
    from segnet_tf.plots.tradeoff import Point, tradeoff

    points = []
    for row in rows:
        scores = {
            split: 100 * found.int8_mean_iou.mean
            for split, found in row.scores.items()
            if found.int8_mean_iou is not None
        }
        file = row.files.get("int8") or (None if row.scores else row.files.get("float32"))
        if file is not None:
            memory = None if file.arena_bytes is None else file.arena_bytes / 1e6
            points.append(Point(row.name, file.ms, memory, scores))
    height, width = about["size"]
    note = (
        f"int8 files, {height}x{width}, one thread of {about['machine']}. "
        "The area of a point is the memory of its tensors (MB). Dotted: timed only."
    )
    with replacing(path) as aside:
        tradeoff(points, about["splits"], note, aside)
