"""The reports of a run: scores and pictures of its best weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from segnet_tf.data import Samples
from segnet_tf.inference.evaluation import Summary, evaluate, table
from segnet_tf.inference.predictors import Predictor, open_predictor
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.json_files import write_json

_PICTURES = 4


def write_reports(folder: Path, samples: Samples) -> Summary:
    """Writes `scores.json`, `curves.png`, `confusion.png` and `predictions.png` of a run.

    Args:
        folder: the run folder, with `best.keras` and `log.csv`.
        samples: the validation split.

    Returns:
        The scores, what is in `scores.json`.
    """
    from segnet_tf import plots

    predictor = open_predictor(folder)
    found = evaluate(predictor, samples)
    with replacing(folder / "curves.png") as aside:
        plots.curves(folder / "log.csv", aside)
    with replacing(folder / "confusion.png") as aside:
        plots.confusion(found.matrix, samples.classes, aside)
    with replacing(folder / "predictions.png") as aside:
        draw_predictions(predictor, samples, aside)
    # Last: a run folder with scores.json is complete.
    write_json(folder / "scores.json", found.summary)
    print(table(found.summary), file=sys.stdout, flush=True)
    return found.summary


def draw_predictions(predictor: Predictor, samples: Samples, out: Path) -> None:
    """Draws some images of a split, their labels and what a model makes of them, as a PNG."""
    from segnet_tf import plots

    # Spread over the split: neighbours in a video look alike.
    chosen = np.unique(np.linspace(0, len(samples) - 1, _PICTURES).round().astype(int))
    pairs = [samples.read(int(index)) for index in chosen]
    images, truths = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    labels = [predictor.labels(image[None].astype(np.float32))[0] for image in images]
    plots.predictions(images, truths, labels, samples.classes, out)
