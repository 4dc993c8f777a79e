"""Set before the first test imports TensorFlow or matplotlib; and where real CamVid is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

pytest_plugins = ["exported_files"]


@pytest.fixture(scope="session")
def camvid_dir() -> Path:
    """The real CamVid, which is not part of the project: SEGNET_TF_CAMVID, or beside it."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "camvid"
    directory = Path(os.environ.get("SEGNET_TF_CAMVID") or beside)
    if not (directory / "train").is_dir():
        pytest.skip(f"needs CamVid: set SEGNET_TF_CAMVID to its folder (not in {directory})")
    return directory
