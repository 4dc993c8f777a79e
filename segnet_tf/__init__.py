"""SegNet in Keras 3: argmax pooling and unpooling layers, models, data, training, scores.

`import segnet_tf` costs nothing: `segnet_tf.models` and the other rooms (and with them
TensorFlow) are imported when first used.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from segnet_tf.version import __version__ as __version__

_MODULES = (
    "config",
    "data",
    "errors",
    "export",
    "inference",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "plots",
    "runs",
    "training",
)


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
