"""What a wheel holds, compared with the files it was built from.

    python tests/support/wheel_files.py SOURCE WHEEL...

SOURCE is a folder of the project with nothing in it but what git knows. Exits with 1 and a line
for each difference.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PACKAGE = "segnet_tf"


def package_files(source: Path) -> dict[str, bytes]:
    """Name in a wheel -> content, of every file of the package in the folder `source`."""
    return {
        path.relative_to(source).as_posix(): path.read_bytes()
        for path in (source / PACKAGE).rglob("*")
        if path.is_file()
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
    files = package_files(Path(sys.argv[1]))
    wheels = sys.argv[2:]
    wrong = [line for wheel in wheels for line in problems(wheel, files)]
    print("\n".join(wrong) or f"{len(files)} files, as in the checkout, in each of {len(wheels)}")
    sys.exit(bool(wrong))
