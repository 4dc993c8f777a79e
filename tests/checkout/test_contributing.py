"""CONTRIBUTING.md: what it names is there, its floors and limits are those of the tests."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from pathlib import Path

import pytest
from checkout_files import ROOT, tracked_files

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
# A token in backticks that ends in one of these, or has a slash, is a path from the top.
ENDINGS = (".py", ".sh", ".md", ".txt", ".toml", ".cfg")
# Not in git: made by the targets that the same lines name.
MADE = (".venv", "dist/")


def tokens(text: str) -> list[str]:
    """What stands in backticks, commands cut into their words."""
    return [word for quoted in re.findall(r"`([^`\n]+)`", text) for word in quoted.split()]


def is_path(token: str) -> bool:
    plain = re.fullmatch(r"[\w./-]+", token) is not None
    return plain and ("/" in token or token.endswith(ENDINGS)) and not token.startswith(MADE)


def defined(file: Path) -> set[str]:
    """The top-level names of a module."""
    names = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def wrong_names(text: str) -> list[str]:
    """Paths, modules, functions and make targets that a text names and that are not there.

    A function `name()` must be in the Python file that was named last before it.
    """
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    wrong = [f"make {name}" for name in re.findall(r"`make ([a-z-]+)`", text)]
    wrong = [name for name in wrong if name.removeprefix("make ") not in targets]
    last = None
    for token in tokens(text):
        if is_path(token):
            path = ROOT / token
            if not (path.is_dir() if token.endswith("/") else path.is_file()):
                wrong.append(token)
            elif path.suffix == ".py":
                last = path
        elif re.fullmatch(r"segnet_tf(\.\w+)+", token):
            *module, name = token.split(".")
            file = ROOT.joinpath(*module).with_suffix(".py")
            if not file.is_file() or name not in defined(file):
                wrong.append(token)
        elif re.fullmatch(r"\w+\(\)", token):
            if last is None or token.removesuffix("()") not in defined(last):
                wrong.append(f"{token} in {last}")
    return wrong


def floors_in(text: str) -> list[set[str]]:
    """The rooms of each floor in the table of the map, as dotted names."""
    rows = re.findall(r"^\| (\d+) \| `([^`]+)` \|", text, re.MULTILINE)
    floors: list[set[str]] = [set() for _ in {number for number, _ in rows}]
    for number, room in rows:
        floors[int(number) - 1].add(room.removesuffix(".py").strip("/").replace("/", "."))
    return floors


def constant(name: str) -> object:
    """A constant of test_structure.py."""
    tree = ast.parse((ROOT / "tests/checkout/test_structure.py").read_text("utf-8"))
    return next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


def number_in(pattern: str, text: str = TEXT) -> int:
    (found,) = set(re.findall(pattern, text))
    return int(found)


def test_all_that_is_named_is_there():
    assert len([token for token in tokens(TEXT) if is_path(token)]) > 60
    assert not wrong_names(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "`segnet_tf/nowhere.py`",
        "`segnet_tf/nowhere/`",
        "`segnet_tf/ops.py`: `walk()`",
        "`segnet_tf.errors.NoError`",
        "`make nothing`",
        "`python -m pytest tests/test_layers.py -k odd`",
    ],
)
def test_what_is_not_there_is_found(text):
    assert len(wrong_names(text)) == 1


def test_floors_are_those_of_the_structure_test():
    assert floors_in(TEXT) == [set(rooms) for rooms in constant("FLOORS")]


def test_every_folder_with_modules_is_on_the_map():
    folders = {path.parent.relative_to(ROOT) for path in tracked_files() if path.suffix == ".py"}
    trees = {path for path in folders if path.parts[0] in ("segnet_tf", "export")}
    # A worker beside the files of its driver is no room: it is never imported.
    rooms = {path for path in trees if not path.name.endswith("_driver")}
    assert {f"{path.as_posix()}/" for path in rooms} <= set(tokens(TEXT))


def test_limits_are_those_of_the_tools():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert number_in(r"Lines of at most (\d+) char") == settings["ruff"]["line-length"]
    assert number_in(r"files of at most (\d+) lines") == constant("LONGEST_FILE")
    assert (
        number_in(r"takes more than (\d+) seconds") == settings["pytest"]["ini_options"]["timeout"]
    )
    assert number_in(r"under (\d+) minutes") == number_in(r"## the fast tests, (\d+) min", makefile)
    minor = number_in(r"Python 3\.(\d+)")
    assert setup["options"]["python_requires"] == f">=3.{minor}"
    assert settings["mypy"]["python_version"] == f"3.{minor}"
    assert settings["ruff"]["target-version"] == f"py3{minor}"
