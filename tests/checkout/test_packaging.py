"""The pinned environment holds what setup.cfg asks for."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


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
    text = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    wanted = {normal(name) for name in re.findall(r"^([\w.-]+)", "\n".join(text), re.MULTILINE)}
    assert {"tensorflow", "pytest", "torch"} <= wanted
    assert not wanted - {normal(line.split("==")[0]) for line in constraints()}
