"""The trained weights that come with the package."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "weights"
# What is taken where nobody names any.
DEFAULT = "segnet_lite_camvid"


def names() -> list[str]:
    """Their names, MODEL_DATA, e.g. "segnet_mini_camvid"."""
    return sorted(file.stem for file in FOLDER.glob("*.keras"))


def path(name: str) -> Path | None:
    """The `.keras` file of a name; its run's configuration is beside it, ending in `.json`."""
    return FOLDER / f"{name}.keras" if name in names() else None
