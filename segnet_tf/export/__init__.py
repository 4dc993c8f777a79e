"""A trained Keras model in, a verified .tflite file out.

The package is also the function: `segnet_tf.export(model, format="int8")` calls
`segnet_tf.export.exporter.export`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from segnet_tf.export.checks.report import Report
    from segnet_tf.export.options import ExportOptions
    from segnet_tf.export.sources import Source


class _CallableModule(ModuleType):
    # Python sets `segnet_tf.export` to this package whenever a module in it is imported. A
    # function of that name would be overwritten; a package that can be called stays callable.
    def __call__(
        self,
        model: str | Path | keras.Model | Source | None = None,
        options: ExportOptions | None = None,
        **fields: Any,
    ) -> tuple[Path, Report]:
        """Exports a model, see `segnet_tf.export.exporter.export`."""
        from segnet_tf.export.exporter import export

        return export(model, options, **fields)


sys.modules[__name__].__class__ = _CallableModule
