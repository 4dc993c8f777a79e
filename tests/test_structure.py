"""The shape of the project: which way imports go, what an import costs, the size of files."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import segnet_tf

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE = 260  # lines

# room -> the rooms it may import, besides itself
ROOMS = {
    "segnet_tf": set(),
    "export": {"segnet_tf"},
    "benchmarks": {"segnet_tf", "export"},
    "tests": {"segnet_tf", "export", "benchmarks"},
}
# The same inside segnet_tf, for what the rest stands on. Nothing else is bound but by the
# rule that there is no circle.
LIBRARY = {
    "errors": set(),
    "ops": {"errors"},
    "layers": {"errors", "ops"},
    "shipped": set(),
    "models": {"errors", "ops", "layers", "shipped"},
    "data": {"errors"},
    "label_maps": {"errors", "data"},
    "class_weights": {"errors", "data", "label_maps"},
    "losses": {"errors", "data", "label_maps", "class_weights"},
    "metrics": {"errors", "data", "label_maps"},
    "boundary": {"errors", "data", "label_maps"},
}
# The library is Keras in, Keras out; converting and shrinking are the exporter's.
CONVERTERS = ("ai_edge_litert", "tensorflow_model_optimization", "tf_keras", "flatbuffers")
# It runs finished files, so that `evaluate` and `predict` take them too.
RUNS_TFLITE = "segnet_tf.tflite_model"


def imported(source: str, module: str, is_package: bool = False) -> set[str]:
    """Dotted names that a source imports, also inside functions; relative ones made absolute.

    `from a.b import c` gives `a.b.c`: c may be a module.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parents = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parents, base] if base else parents)
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def python_files() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports() -> dict[str, set[str]]:
    """Module of this project -> what it imports."""
    return {
        module_name(path): imported(
            path.read_text("utf-8"), module_name(path), path.name == "__init__.py"
        )
        for path in python_files()
    }


def library_rooms() -> dict[str, set[str]]:
    """Room of segnet_tf (a file or a package in it) -> the other rooms that it imports."""
    rooms: dict[str, set[str]] = {}
    for module, names in imports().items():
        if module.startswith("segnet_tf."):
            room = module.split(".")[1]
            others = {name.split(".")[1] for name in names if name.startswith("segnet_tf.")}
            rooms.setdefault(room, set()).update(others - {room})
    return rooms


def tracked_files() -> list[Path]:
    """Files that are committed or would be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a git checkout: the list of files comes from `git ls-files`")
    paths = [ROOT / name for name in found.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def machine_paths(text: str) -> list[str]:
    """Absolute paths of somebody's machine: homes, temporary folders, beside this checkout."""
    # Not after a letter or a dot: `https://example.org/home/ann` and `../tmp/x` are no such.
    here = f"|{re.escape(str(ROOT.parent))}/" if ROOT.parent != Path("/") else ""
    return re.findall(rf"(?<![\w.])(?:/(?:home|Users|root|tmp|mnt)/\w+{here})[^\s'\"]*", text)


@pytest.mark.parametrize(
    ("source", "module", "is_package", "expected"),
    [
        ("import export.tflite", "segnet_tf.a", False, {"export.tflite"}),
        ("def f():\n    from export import tflite", "segnet_tf.a", False, {"export.tflite"}),
        ("from . import b", "segnet_tf.a", False, {"segnet_tf.b"}),
        ("from . import b", "segnet_tf.data", True, {"segnet_tf.data.b"}),
        ("from .b import c", "segnet_tf.data.a", False, {"segnet_tf.data.b.c"}),
        ("from ..train import c", "segnet_tf.data.a", False, {"segnet_tf.train.c"}),
    ],
)
def test_imports_are_found(source, module, is_package, expected):
    assert imported(source, module, is_package) == expected


def test_rooms_import_one_way():
    wrong = [
        f"{module} imports {name}"
        for module, names in imports().items()
        for name in sorted(names)
        if (top := name.split(".")[0]) in ROOMS
        and top not in ROOMS[module.split(".")[0]] | {module.split(".")[0]}
    ]
    assert not wrong


def test_library_imports_one_way():
    rooms = library_rooms()
    assert set(LIBRARY) <= set(rooms), "a room of LIBRARY is gone"
    wrong = {room: rooms[room] - allowed for room, allowed in LIBRARY.items()}
    assert not {room: names for room, names in wrong.items() if names}


def test_library_has_no_circle():
    try:
        TopologicalSorter(library_rooms()).prepare()
    except CycleError as error:
        pytest.fail(f"imports run in a circle: {' -> '.join(error.args[1])}")


def test_library_knows_no_converter():
    wrong = [
        f"{module} imports {name}"
        for module, names in imports().items()
        for name in sorted(names)
        if module.startswith("segnet_tf")
        and module != RUNS_TFLITE
        and name.split(".")[0] in CONVERTERS
    ]
    assert not wrong


def test_import_is_silent_light_and_fast():
    code = (
        "import time; start = time.perf_counter(); import segnet_tf; "
        "seconds = time.perf_counter() - start; import json, sys; "
        "print(json.dumps([seconds, sorted({name.split('.')[0] for name in sys.modules})]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    seconds, modules = json.loads(done.stdout)  # fails if the import printed anything
    assert not {"tensorflow", "keras", "numpy", "matplotlib", "PIL"} & set(modules)
    assert seconds < 1


def test_modules_come_when_asked_for():
    missing = [
        name for name in segnet_tf._MODULES if not importlib.util.find_spec(f"segnet_tf.{name}")
    ]
    assert not missing
    assert segnet_tf.errors.UserError.__module__ == "segnet_tf.errors"
    assert set(segnet_tf._MODULES) <= set(dir(segnet_tf))
    with pytest.raises(AttributeError, match="'segnet_tf' has no attribute 'nothing'"):
        segnet_tf.nothing  # noqa: B018


def test_files_are_short():
    lines = {
        module_name(path): len(path.read_text("utf-8").splitlines()) for path in python_files()
    }
    assert len(lines) > 20, "the files were not found"
    too_long = {module: count for module, count in lines.items() if count > LONGEST_FILE}
    assert not too_long, "two rooms in one file?"


def test_machine_paths_are_recognised():
    home, temporary = "/".join(["", "home", "ann"]), "/".join(["", "tmp", "x"])
    assert machine_paths(f"see {home}/data.") and machine_paths(f"'{temporary}'")
    assert ROOT.parent == Path("/") or machine_paths(f"cd {ROOT}")
    assert not machine_paths("path/to/home/x https://example.org/home/x ../tmp/x /usr/bin/env")


def test_no_path_of_a_machine_is_tracked():
    wrong = {}
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" not in content and (found := machine_paths(content.decode("utf-8", "replace"))):
            wrong[str(path.relative_to(ROOT))] = found
    assert not wrong
