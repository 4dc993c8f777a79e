"""Where the package is, and where the checkout is that it may be part of."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# `python -m segnet_tf...` in a subprocess imports this copy of the package if it runs here.
IMPORT_ROOT = PACKAGE.parent


def checkout() -> Path | None:
    """The checkout that the package is part of, `None` for an installed package."""
    return IMPORT_ROOT if (IMPORT_ROOT / "export" / "tflite.py").is_file() else None


def work() -> Path:
    """The folder of `runs/` and `.runtimes/`: the checkout, or else the current folder."""
    return checkout() or Path.cwd()


def runtimes() -> Path:
    """The folder that `make runtimes-...` fills: SEGNET_TF_RUNTIMES, or `.runtimes`."""
    return Path(os.environ.get("SEGNET_TF_RUNTIMES") or work() / ".runtimes").resolve()
