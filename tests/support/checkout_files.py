"""The files of this checkout that are committed or would be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tracked_files() -> list[Path]:
    """Absolute paths of what `git add` knows or would take; skips the test outside a checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a git checkout: the list of files comes from `git ls-files`")
    paths = [ROOT / name for name in found.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]
