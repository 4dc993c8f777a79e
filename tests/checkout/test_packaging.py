"""What pip installs: the pinned environment holds what setup.cfg asks for, the wheel all files."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import wheel_files
from checkout_files import ROOT, tracked_files


def normal(name: str) -> str:
    """A package name as the registry compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_constraints_are_exact_and_public():
    # No `+cpu` and no `@ file:`: those install on one machine only.
    inexact = [
        line for line in constraints() if not re.fullmatch(r"[\w.-]+==[0-9][0-9a-z.]*", line)
    ]
    assert not inexact
    names = [normal(line.split("==")[0]) for line in constraints()]
    assert len(names) == len(set(names))


def test_every_requirement_is_pinned():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    extras = dict(setup["options.extras_require"])
    # It does not go with the pins; setup.cfg says which.
    assert "mlflow" in extras.pop("mlflow")
    text = [setup["options"]["install_requires"], *extras.values()]
    wanted = {normal(name) for name in re.findall(r"^([\w.-]+)", "\n".join(text), re.MULTILINE)}
    assert {"tensorflow", "pytest", "torch"} <= wanted
    assert not wanted - {normal(line.split("==")[0]) for line in constraints()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel beside `source`, a copy of the files that git knows, which it was built from."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in tracked_files():
        copy = folder / "source" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--wheel-dir", str(folder), str(folder / "source")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_package_and_nothing_else(wheel):
    expected = wheel_files.package_files(wheel.parent / "source")
    # Code, types, weights, recipes, int8 ranges, and what the browser runtimes load.
    endings = {Path(name).suffix or Path(name).name for name in expected}
    assert {".py", ".typed", ".keras", ".toml", ".json", ".html", ".mjs"} <= endings
    assert not wheel_files.problems(wheel, expected)


def test_wheel_has_one_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/entry_points.txt"))
        lines = archive.read(name).decode().split("\n")
    assert [line for line in lines if "=" in line] == ["segnet-tf = segnet_tf.cli.main:main"]


def test_a_wheel_with_other_files_is_found(tmp_path):
    expected = {"segnet_tf/a.py": b"a", "segnet_tf/b.json": b"b", "segnet_tf/c.py": b"c"}
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as archive:
        archive.writestr("segnet_tf/a.py", b"a")
        archive.writestr("segnet_tf/c.py", b"another")
        archive.writestr("export/tflite.py", b"")
        archive.writestr("segnet_tf-0.1.dist-info/METADATA", b"")
    assert wheel_files.problems(tmp_path / "x.whl", expected) == [
        "x.whl lacks segnet_tf/b.json",
        "x.whl has in addition export/tflite.py",
        "x.whl has other content in segnet_tf/c.py",
    ]
