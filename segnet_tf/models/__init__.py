"""The list of architectures, and the one door to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from segnet_tf.errors import UserError
from segnet_tf.models import segnet as _segnet
from segnet_tf.models import segnet_basic as _segnet_basic
from segnet_tf.models import segnet_lite as _segnet_lite
from segnet_tf.models import segnet_mini as _segnet_mini
from segnet_tf.models.pretrained import shipped
from segnet_tf.models.pretrained.lite0 import copy_lite0, imagenet_file
from segnet_tf.models.pretrained.torch_state_dict import load_torch_state_dict
from segnet_tf.models.pretrained.vgg16 import copy_vgg16

__all__ = ["NAMES", "build", "load_torch_state_dict"]

# name -> (function, how often it halves the image)
_ARCHITECTURES: dict[str, tuple[Callable[..., keras.Model], int]] = {
    "segnet": (_segnet.segnet, _segnet.DEPTH),
    "segnet_basic": (_segnet_basic.segnet_basic, _segnet_basic.DEPTH),
    "segnet_lite": (_segnet_lite.segnet_lite, _segnet_lite.DEPTH),
    "segnet_mini": (_segnet_mini.segnet_mini, _segnet_mini.DEPTH),
}
NAMES = tuple(_ARCHITECTURES)


def build(
    name: str,
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    weights: str | None = None,
    **options: Any,
) -> keras.Model:
    """Builds a model by name.

    Args:
        name: one of `NAMES`.
        num_classes: number of classes; 1 is binary with one logit, else one logit a class.
        input_shape: `(height, width, 3)` in pixels; `None` for a side takes any size.
        weights: `None` for random ones; `"camvid"` for those that come with the package
            (11 classes, see weights/README.md); `"imagenet"` for a pretrained encoder (`segnet`:
            VGG16's convolutions; `segnet_lite`: EfficientNet-Lite0); a `.weights.h5` or `.keras`
            file of the same architecture; for `segnet` another `.h5` file, VGG16's as Keras
            stores it; for `segnet_lite` a `.pth`, EfficientNet-Lite0's.
        **options: the architecture's own, e.g. `layout="caffe"`.

    Returns:
        An uncompiled `keras.Model` from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: an unknown name, a size below the network's depth, weights that don't fit.
    """
    if name not in _ARCHITECTURES:
        raise UserError(f"`name` must be one of {', '.join(NAMES)}. Received: name={name!r}.")
    if not isinstance(num_classes, int) or num_classes < 1:
        raise UserError(
            "`num_classes` must be a positive integer, 1 for binary. "
            f"Received: num_classes={num_classes!r}."
        )
    function, depth = _ARCHITECTURES[name]
    check_input_shape(input_shape, depth)
    try:
        model = function(num_classes, tuple(input_shape), **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise UserError(
            f"`options` must be ones that {name} has. Received: {sorted(options)}. {error}."
        ) from error
    if weights is not None:
        load_weights(model, weights, name)
    return model


def check_input_shape(input_shape: tuple[int | None, int | None, int], depth: int) -> None:
    """Raises UserError unless every side survives `depth` halvings and there are 3 channels."""
    smallest = 2**depth
    ok = (
        len(input_shape) == 3
        and input_shape[2] == 3
        and all(
            side is None or (isinstance(side, int) and side >= smallest) for side in input_shape[:2]
        )
    )
    if not ok:
        raise UserError(
            f"`input_shape` must be (height, width, 3) with sides of at least {smallest} pixels, "
            f"since the network halves them {depth} times. "
            f"Received: input_shape={tuple(input_shape)}. Use larger images."
        )


def load_weights(model: keras.Model, weights: str, name: str) -> None:
    """Loads `weights` (see `build`) into `model`, in place."""
    if name == "segnet_lite" and (weights == "imagenet" or weights.endswith(".pth")):
        copy_lite0(model, imagenet_file() if weights == "imagenet" else weights)
        return
    if weights == "imagenet" or (weights.endswith(".h5") and not weights.endswith(".weights.h5")):
        if name != "segnet":
            raise UserError(
                "`weights='imagenet'` are an encoder's, of segnet or segnet_lite. "
                f"Received: name={name!r}. Leave out `weights` or use a file of this model."
            )
        try:
            vgg16 = keras.applications.VGG16(include_top=False, weights=weights)
        except Exception as error:  # h5py, Keras and the download each have their own
            raise UserError(
                "`weights` must be VGG16's, downloadable or a whole file as Keras stores them. "
                f"Received: {weights}: {(str(error).splitlines() or [type(error).__name__])[0]}"
            ) from error
        copy_vgg16(model, vgg16)
        return
    path = shipped.path(f"{name}_{weights}") or Path(weights)
    if not path.is_file():
        raise UserError(
            f"`weights` must be a known name or an existing file. Received: weights={weights!r} "
            f"for {name}. The package has {', '.join(shipped.names())} (MODEL_NAME)."
        )
    try:
        model.load_weights(path)
    except (ValueError, OSError) as error:
        raise UserError(
            f"`weights` must be a readable file that fits {name} with "
            f"{model.output_shape[-1]} classes. Received: {path}: "
            f"{str(error).splitlines()[0]}"
        ) from error
