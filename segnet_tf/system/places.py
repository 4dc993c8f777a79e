"""Where the package lies, and the checkout around it where there is one."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# A subprocess that runs `python -m segnet_tf...` from here imports this copy of the package.
IMPORT_ROOT = PACKAGE.parent


def checkout() -> Path | None:
    """The checkout that the package lies in, `None` for an installed one."""
    return IMPORT_ROOT if (IMPORT_ROOT / "export" / "tflite.py").is_file() else None


def work() -> Path:
    """Where `runs/` and `.runtimes/` are looked for: the checkout, or else the current folder."""
    return checkout() or Path.cwd()


def runtimes() -> Path:
    """The folder of what `make runtimes-...` fetches: SEGNET_TF_RUNTIMES, or `.runtimes`."""
    return Path(os.environ.get("SEGNET_TF_RUNTIMES") or work() / ".runtimes").resolve()
