"""A trained Keras model in, a verified .tflite file out.

    path, report = segnet_tf.export(model, format="int8", data=images, output="mine.tflite")
    report = segnet_tf.export.verify("mine.tflite", model)

The package is also the function: calling it calls `segnet_tf.export.exporter.export`.
`ExportOptions` are its keywords as a data class, of which `Compression` is one; `CheckFailed` is
raised where the new file breaks a promise, with the `Report` of all that `verify` found.

The model is a run folder, a `.keras` file, "weights:NAME", a `keras.Model` from RGB 0..255 to
logits or probabilities, or None for the last `make demo`, or else the shipped weights. The result
is the file's path, and the `Report` of its checks.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from types import ModuleType
from typing import TYPE_CHECKING, Unpack

from segnet_tf.system.lazy import lazy_names

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from segnet_tf.export.checks.report import Report
    from segnet_tf.export.compression.plan import Compression
    from segnet_tf.export.exporter import CheckFailed
    from segnet_tf.export.options import ExportFields, ExportOptions
    from segnet_tf.export.sources import Source
    from segnet_tf.export.verifier import verify

__all__ = ["CheckFailed", "Compression", "ExportOptions", "Report", "verify"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "CheckFailed": "segnet_tf.export.exporter",
            "Compression": "segnet_tf.export.compression.plan",
            "ExportOptions": "segnet_tf.export.options",
            "Report": "segnet_tf.export.checks.report",
            "verify": "segnet_tf.export.verifier",
        },
    )

_ABOUT = __doc__ or ""


class _CallableModule(ModuleType):
    # Python sets `segnet_tf.export` to this package whenever a module in it is imported. A
    # function of that name would be overwritten; a package that can be called stays callable.
    def __call__(
        self,
        model: str | Path | keras.Model | Source | None = None,
        options: ExportOptions | None = None,
        **fields: Unpack[ExportFields],
    ) -> tuple[Path, Report]:
        """Exports a model, see `segnet_tf.export.exporter.export`."""
        from segnet_tf.export.exporter import export

        return export(model, options, **fields)

    # For `help()`, and for the completion of an interactive shell: every keyword by its name.
    # The options import no TensorFlow.
    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.Signature(_parameters())

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        from segnet_tf.export.options import ExportOptions

        fields = inspect.getdoc(ExportOptions) or ""
        call = [str(each.replace(annotation=each.empty)) for each in _parameters()]
        lines = textwrap.fill(f"export({', '.join(call)})", 88, subsequent_indent=" " * 7)
        return f"{_ABOUT}\n{lines}\n\n{fields}"


def _parameters() -> list[inspect.Parameter]:
    from segnet_tf.export.options import ExportOptions

    _, model, options, _ = inspect.signature(_CallableModule.__call__).parameters.values()
    fields = inspect.signature(ExportOptions).parameters.values()
    return [model, options, *(each.replace(kind=each.KEYWORD_ONLY) for each in fields)]


if TYPE_CHECKING:
    # What type checkers take `segnet_tf.export` for: the call, and the names above. Their own
    # class, because in that of the call they would hide the types of its arguments.
    class Package(_CallableModule):
        CheckFailed = CheckFailed
        Compression = Compression
        ExportOptions = ExportOptions
        Report = Report
        verify = staticmethod(verify)


sys.modules[__name__].__class__ = _CallableModule
