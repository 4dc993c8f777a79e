"""What a wheel holds, held against the package in this checkout.

    python tests/support/wheel_files.py WHEEL...

Exits with 1 and a line for each difference, also between the wheels.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from checkout_files import ROOT, tracked_files

PACKAGE = "segnet_tf"


def package_files() -> dict[str, bytes]:
    """Name in a wheel -> content, of every file of the package in this checkout."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in tracked_files()
        if path.is_relative_to(ROOT / PACKAGE)
    }


def problems(wheel: str | Path, expected: dict[str, bytes]) -> list[str]:
    """One line for each way in which a wheel is not `expected` beside its own metadata."""
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    metadata = {name for name in content if name.split("/")[0].endswith(".dist-info")}
    found = content.keys() - metadata
    changed = {name for name in found & expected.keys() if content[name] != expected[name]}
    return [
        f"{Path(wheel).name} {what} {name}"
        for what, names in (
            ("lacks", expected.keys() - found),
            ("has in addition", found - expected.keys()),
            ("has other content in", changed),
        )
        for name in sorted(names)
    ]


if __name__ == "__main__":
    files = package_files()
    wrong = [line for wheel in sys.argv[1:] for line in problems(wheel, files)]
    print("\n".join(wrong) or f"{len(files)} files, as in the checkout: {' '.join(sys.argv[1:])}")
    sys.exit(bool(wrong))
