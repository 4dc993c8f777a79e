"""SegNet in Keras 3: argmax pooling and unpooling layers, models, data, training, scores, export.

    model = segnet_tf.models.segnet_lite(11, (360, 480, 3))
    model = segnet_tf.load_model("weights:segnet_lite_camvid")
    labels = segnet_tf.predict(model, image)
    scores = segnet_tf.training.train(segnet_tf.training.TrainConfig(data="mydata"), "runs/mine")
    segnet_tf.export("weights:segnet_lite_camvid", format="int8", output="segnet.tflite")

`import segnet_tf` costs nothing: the modules below, and with them TensorFlow, are imported when
first used. Where Keras is imported too, before or after, our classes are registered with it, so
`keras.saving.load_model("x.keras")` needs nothing passed in.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from segnet_tf.system.import_hook import after_import
from segnet_tf.system.lazy import lazy_names
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
    from segnet_tf.export import Package
    from segnet_tf.inference.predict_arrays import predict
    from segnet_tf.runs.checkpoints import load_model

    export: Package

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
_WHERE = {name: f"{__name__}.{name}" for name in __all__} | {
    "__version__": "segnet_tf.version",
    "load_model": "segnet_tf.runs.checkpoints",
    "predict": "segnet_tf.inference.predict_arrays",
}

if not TYPE_CHECKING:  # type checkers see the imports above, and so a misspelt name
    __getattr__, __dir__ = lazy_names(__name__, _WHERE)


def _register() -> None:
    importlib.import_module("segnet_tf.registration")


after_import("keras", __name__, _register)
