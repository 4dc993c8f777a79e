"""SegNet in Keras 3: argmax pooling and unpooling layers, models, data, training, scores.

`import segnet_tf` costs nothing: `segnet_tf.models` and the other modules (and with them
TensorFlow) are imported when first used.
"""

from __future__ import annotations

import importlib
from types import ModuleType

# The one home of the version; setup.cfg reads it from here without importing.
__version__ = "0.1.0"

_MODULES = (
    "boundary",
    "callbacks",
    "class_weights",
    "config",
    "data",
    "errors",
    "evaluate",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "plots",
    "predict",
    "train",
)


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
