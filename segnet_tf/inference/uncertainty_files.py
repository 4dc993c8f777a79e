"""What samples say of an image, as files: numbers and pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segnet_tf import plots
from segnet_tf.inference.uncertainty import SAMPLED, Distribution
from segnet_tf.system.atomic_files import replacing

_LABELS = {
    "predictive_entropy": "predictive entropy (nats)",
    "mutual_information": "mutual information (nats)",
    "variance": "variance, mean over the classes",
}


def names_of(stem: str) -> Iterator[str]:
    """The files of an image beside mask and overlay."""
    yield f"{stem}_probabilities.npy"
    for name in SAMPLED:
        yield f"{stem}_{name}.npy"
        yield f"{stem}_{name}.png"


def write(folder: Path, stem: str, found: Distribution) -> list[Path]:
    """Writes the mean probabilities, float32 `(H, W, classes)`, and each map, float32 `(H, W)`.

    Args:
        folder: exists.
        stem: of the names.
        found: of one image.

    Returns:
        The files written.
    """
    paths = [folder / name for name in names_of(stem)]
    classes = found.probabilities.shape[-1]
    for path in paths:
        name = path.stem.removeprefix(f"{stem}_")
        with replacing(path) as aside:
            if path.suffix == ".png":
                values = found.uncertainty[name][0]
                plots.uncertainty_map(values, _largest(name, classes), _LABELS[name], aside)
            elif name == "probabilities":
                _save(aside, found.probabilities[0])
            else:
                _save(aside, found.uncertainty[name][0])
    return paths


def _save(path: Path, values: np.ndarray) -> None:
    # By an open file: NumPy adds .npy to names that end otherwise.
    with open(path, "wb") as file:
        np.save(file, values)


def _largest(name: str, classes: int) -> float:
    """The lightest color's number, the same for all images of a model.

    Entropy: that of knowing nothing. The others stay far from their limits, that entropy and
    `0.5 / classes` for samples that split between two classes for certain: a part of those.
    """
    if name == "predictive_entropy":
        return math.log(classes)
    return math.log(classes) / 4 if name == "mutual_information" else 0.25 / classes
