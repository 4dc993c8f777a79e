"""A fully connected CRF: probabilities that follow the edges of the image.

Each pixel is linked to every other one, the more strongly the nearer they are and the more alike
their colors. Mean field inference by pydensecrf2, an optional package, imported when it is used.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from segnet_tf.errors import UserError

# log(0) is no energy. Also what an int8 file gives for a class that it rounds to 0.
SMALLEST_PROBABILITY = 1e-5
# pydensecrf computes in float32: a larger weight makes its probabilities NaN.
_LARGEST = 1e30
# pydensecrf keeps lattice coordinates in 16 bits and doesn't check them.
_LATTICE_REACH = 32_000
_NUMBERS = (
    "gaussian_weight",
    "gaussian_width",
    "bilateral_weight",
    "bilateral_width",
    "bilateral_color",
)


@dataclasses.dataclass(frozen=True)
class CRFParameters:
    """How much a pixel listens to the others, and to which.

    Pixels i and j at positions p with colors I pull each other to one class by
    `gaussian_weight * exp(-|pi-pj|^2 / 2 gaussian_width^2)` plus
    `bilateral_weight * exp(-|pi-pj|^2 / 2 bilateral_width^2 - |Ii-Ij|^2 / 2 bilateral_color^2)`,
    each kernel normalized symmetrically, so that a pixel hears no more than the kernel's weight in
    all. As in the authors' program a pixel is one of its own neighbors.

    The defaults are DeepLab's for its ResNet-101, tuned on PASCAL VOC, but for the iterations:
    DeepLab runs 10, which take twice as long and change little after the fifth.

    Args:
        gaussian_weight: removes small islands; 0 leaves the kernel out.
        gaussian_width: in pixels, above 0.
        bilateral_weight: moves contours to edges of the image; 0 leaves the kernel out.
        bilateral_width: in pixels, above 0.
        bilateral_color: in steps of 0..255, above 0.
        iterations: of mean field, at least 1.
        classes: names of the classes that the parameters were tuned for; None for any.

    Raises:
        UserError: a number out of its range.

    Reference:
        Kraehenbuehl and Koltun, 2011, https://arxiv.org/abs/1210.5644 (model and inference);
        Chen et al., 2017, https://arxiv.org/abs/1606.00915 (defaults)
    """

    gaussian_weight: float = 3.0
    gaussian_width: float = 1.0
    bilateral_weight: float = 4.0
    bilateral_width: float = 67.0
    bilateral_color: float = 3.0
    iterations: int = 5
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            value, is_weight = getattr(self, name), name.endswith("weight")
            if not _is_number(value) or value < 0 or (value == 0 and not is_weight):
                rule = "of at least" if is_weight else "above"
                raise UserError(
                    f"`{name}` of the CRF must be a number {rule} 0, below {_LARGEST:g}. "
                    f"Received: {value!r}. "
                    "Correct it, or write the file anew with segnet-tf tune-crf."
                )
        count = self.iterations
        # Below 2**31: pydensecrf counts in C's int.
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count < 2**31:
            raise UserError(
                "`iterations` of the CRF must be a whole number of at least 1. "
                f"Received: {count!r}. Five are enough for most images."
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON types, which `from_json` takes."""
        values = {name: getattr(self, name) for name in (*_NUMBERS, "iterations")}
        return {
            "parameters": values,
            "classes": None if self.classes is None else list(self.classes),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str) -> CRFParameters:
        """What `to_json` gave; other keys beside "parameters" and "classes" are not read.

        Args:
            content: of the file.
            where: what the user calls it.

        Raises:
            UserError: a parameter is missing, unknown or out of its range.
        """
        values, classes = content.get("parameters"), content.get("classes")
        wanted = {*_NUMBERS, "iterations"}
        if not isinstance(values, Mapping) or set(values) != wanted:
            found = ", ".join(sorted(map(str, values))) if isinstance(values, Mapping) else values
            raise UserError(
                f"`crf` must be a file with all of the parameters {', '.join(sorted(wanted))}. "
                f"Received: {where} with {found or 'none'}. Write it anew with segnet-tf tune-crf."
            )
        is_list = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
        if classes is not None and not is_list:
            raise UserError(
                f"`crf` must be a file whose classes are a list of names. Received: {where} with "
                f"{classes!r}. Write it anew with segnet-tf tune-crf."
            )
        return cls(**values, classes=None if classes is None else tuple(classes))

    def check_classes(self, count: int, known: Collection[tuple[str, ...]], model: str) -> None:
        """Raises UserError unless the parameters are for the classes of a model.

        Args:
            count: classes of the model.
            known: the names of its classes, as each of those has them who know them.
            model: what the user calls it.
        """
        if self.classes is None:
            return
        tuned = tuple(name.casefold() for name in self.classes)
        same = [tuple(name.casefold() for name in names) == tuned for names in known]
        if len(tuned) != count or (same and not any(same)):
            theirs = ", ".join(next(iter(known), ())) or f"{count} classes"
            raise UserError(
                "`crf` must be tuned for the classes of the model. Received: parameters for "
                f"{', '.join(self.classes)}, and {model} with {theirs}. "
                "Tune them for this model: segnet-tf tune-crf."
            )


def import_densecrf() -> ModuleType:
    """Imports pydensecrf, which is an optional package.

    Raises:
        UserError: it isn't installed.
    """
    try:
        from pydensecrf import densecrf
    except ImportError as error:
        raise UserError(
            f"a CRF needs pydensecrf2. Received: {error}. Install it, which takes a C++ compiler: "
            "pip install pydensecrf2"
        ) from error
    return densecrf


def refine(
    probabilities: np.ndarray, image: np.ndarray, parameters: CRFParameters | None = None
) -> np.ndarray:
    """Refines a network's probabilities by a fully connected CRF.

    Takes about 0.6 s of one core for 11 classes at 360x480, more for more pixels, classes and
    iterations, and twice that for half the width in color. The kernels are summed on a
    permutohedral lattice, an approximation. The same input gives the same output, bit for bit.

    Args:
        probabilities: float `(H, W, classes)`; `(H, W, 1)` is the probability of foreground.
        image: `(H, W, channels)`, 0..255, uint8 or float: RGB, grey, or other bands.
        parameters: None for the defaults.

    Returns:
        float32, the shape of `probabilities`.

    Raises:
        UserError: labels in place of probabilities, numbers that are not finite, another image,
            a width that is too small for the image, or pydensecrf2 is missing.
    """
    densecrf = import_densecrf()
    parameters = parameters or CRFParameters()
    is_float = np.issubdtype(probabilities.dtype, np.floating)
    if probabilities.ndim != 3 or not probabilities.size or not is_float:
        raise UserError(
            "`probabilities` must be float numbers of shape (height, width, classes). Received: "
            f"{probabilities.dtype} of shape {probabilities.shape}. A CRF needs what the network "
            "says of each class: use a model that gives logits or probabilities."
        )
    height, width, channels = probabilities.shape
    if image.ndim != 3 or image.shape[:2] != (height, width):
        raise UserError(
            f"`image` must be of shape ({height}, {width}, channels), as the probabilities are. "
            f"Received: shape {image.shape}. Resize the probabilities to the image."
        )
    if not (np.isfinite(probabilities).all() and np.isfinite(image).all()):
        # Of an image with NaN the lattice crashes the process.
        raise UserError(
            "`probabilities` and `image` must be finite numbers. Received: NaN or infinity. "
            "Look at what the model gives without a CRF: its weights may be damaged."
        )
    found = probabilities
    if channels == 1:
        found = np.concatenate([1 - found, found], axis=-1)
    classes = found.shape[-1]
    energy = -np.log(np.maximum(found, SMALLEST_PROBABILITY), dtype=np.float32)
    crf = densecrf.DenseCRF(height * width, classes)
    crf.setUnaryEnergy(np.ascontiguousarray(energy.reshape(-1, classes).T))
    places = np.mgrid[:height, :width].reshape(2, -1)
    colors = image.reshape(-1, image.shape[-1]).T / parameters.bilateral_color
    if parameters.gaussian_weight:
        features = _features(places / parameters.gaussian_width)
        crf.addPairwiseEnergy(features, parameters.gaussian_weight)
    if parameters.bilateral_weight:
        features = _features(np.concatenate([places / parameters.bilateral_width, colors]))
        crf.addPairwiseEnergy(features, parameters.bilateral_weight)
    refined = np.asarray(crf.inference(parameters.iterations), np.float32)
    # A copy: the memory of what pydensecrf gives is its own, and in another order.
    refined = np.ascontiguousarray(refined.T).reshape(height, width, classes)
    return refined if channels > 1 else refined[..., 1:]


def _features(values: np.ndarray) -> np.ndarray:
    """float32 `(dimensions, pixels)` around 0, as pydensecrf takes them."""
    middle = (values.max(axis=1, keepdims=True) + values.min(axis=1, keepdims=True)) / 2
    values = values - middle
    # No coordinate of the lattice is larger (Adams et al., 2010, embedding of positions).
    reach = math.sqrt(2 / 3) * (len(values) + 1) * np.abs(values).max(axis=1).sum()
    if reach > _LATTICE_REACH:
        raise UserError(
            "`gaussian_width`, `bilateral_width` and `bilateral_color` must be wider for an image "
            f"this large. Received: one {reach / _LATTICE_REACH:.1f} times too narrow. "
            "Raise it, or use a smaller image."
        )
    return np.ascontiguousarray(values, np.float32)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST
