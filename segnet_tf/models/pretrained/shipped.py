"""The trained weights that come with the package."""

from __future__ import annotations

import json
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


def options(name: str) -> dict[str, object]:
    """The options that the network of these weights was built with; none for its defaults."""
    record = FOLDER / f"{name}.json"
    if not record.is_file():
        return {}
    found: dict[str, object] = json.loads(record.read_text("utf-8"))["config"]["model_options"]
    return found
