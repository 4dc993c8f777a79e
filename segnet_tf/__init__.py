"""SegNet in Keras 3: argmax pooling and unpooling layers, models, data, training, scores, export.

    model = segnet_tf.models.segnet_lite(11, (360, 480, 3))
    model = segnet_tf.load_model("weights:segnet_lite_camvid")
    labels = segnet_tf.predict(model, image)
    segnet_tf.export("weights:segnet_lite_camvid", format="int8", output="segnet.tflite")

`import segnet_tf` costs nothing: the modules below, and with them TensorFlow, are imported when
first used. Where Keras is imported too, before or after, our classes are registered with it, so
`keras.saving.load_model("x.keras")` needs nothing passed in.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from segnet_tf.system.import_hook import after_import
from segnet_tf.version import __version__

if TYPE_CHECKING:
    from segnet_tf import (
        config,
        data,
        errors,
        inference,
        layers,
        losses,
        metrics,
        models,
        ops,
        plots,
        runs,
        schedules,
        training,
    )
    from segnet_tf.export.exporter import export
    from segnet_tf.inference.predictors import predict
    from segnet_tf.runs.checkpoints import load_model

__all__ = [
    "__version__",
    "config",
    "data",
    "errors",
    "export",
    "inference",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "plots",
    "predict",
    "runs",
    "schedules",
    "training",
]

# Where the functions are; every other name is a module. `export` is both: a module to call.
_FUNCTIONS = {
    "load_model": "segnet_tf.runs.checkpoints",
    "predict": "segnet_tf.inference.predictors",
}


if not TYPE_CHECKING:  # type checkers see the imports above, and so a misspelt name

    def __getattr__(name: str) -> object:
        if name in _FUNCTIONS:
            return getattr(importlib.import_module(_FUNCTIONS[name]), name)
        if name in __all__:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _register() -> None:
    importlib.import_module("segnet_tf.registration")


after_import("keras", __name__, _register)
