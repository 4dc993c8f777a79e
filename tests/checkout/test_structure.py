"""The shape of the project: which way imports go, what an import costs, the size of files."""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from checkout_files import ROOT, tracked_files

LONGEST_FILE = 260  # lines

# Rooms from the ground up; a room may import those on lower lines only. A module belongs to the
# longest prefix of its name that is listed.
FLOORS = (
    ("segnet_tf.version", "segnet_tf.errors"),
    ("segnet_tf.system", "segnet_tf.config_values"),
    ("segnet_tf.ops", "segnet_tf.portable_ops", "segnet_tf.config", "segnet_tf.config_files"),
    ("segnet_tf.data", "segnet_tf.layers"),
    ("segnet_tf.losses", "segnet_tf.metrics", "segnet_tf.optimizers", "segnet_tf.schedules"),
    ("segnet_tf.models",),
    ("segnet_tf.registration",),
    ("segnet_tf.runs", "segnet_tf.plots"),
    # Reading a file's tensors and class names needs NumPy and the rooms above: what predicts with a
    # finished file shares its quantization and labels, so it stands higher.
    ("segnet_tf.export.tflite_file",),
    ("segnet_tf.inference",),
    ("segnet_tf.training",),
    # Sources: a model with its data is what conversions, checks and trainings begin with.
    ("segnet_tf.export.conversion", "segnet_tf.export.sources"),
    ("segnet_tf.export.runtimes",),
    ("segnet_tf.export.checks",),
    ("segnet_tf.export.compression",),
    ("segnet_tf.export",),
    ("segnet_tf.comparison",),
    ("segnet_tf.cli",),
    # The package itself: what it offers lazily is of every room.
    ("segnet_tf",),
    ("export", "benchmarks", "docs_site", "examples"),
    ("tests",),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
TREES = ("segnet_tf", "export", "benchmarks", "docs_site", "examples", "tests")
# Folders that scripts and tests find on the path: their modules are imported by bare names.
ON_THE_PATH = ("benchmarks", "tests/support")
# The library is Keras in, Keras out; converting and shrinking are the exporter's.
CONVERTERS = ("ai_edge_litert", "tensorflow_model_optimization", "tf_keras", "flatbuffers")


@functools.cache
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


@functools.cache
def strings(source: str) -> set[str]:
    """What a source has between quotes."""
    nodes = ast.walk(ast.parse(source))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def python_files() -> list[Path]:
    return [path for tree in TREES for path in sorted((ROOT / tree).rglob("*.py"))]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows(sources: dict[str, tuple[str, bool]]) -> dict[str, set[str]]:
    """Module -> the modules of this project that it imports, itself left out.

    A string that is a module's name counts: `import_module(name)` and `python -m name` import it.

    Args:
        sources: module -> its text, and whether it is a package.
    """
    bare = {
        name.removeprefix(f"{folder.replace('/', '.')}."): name
        for folder in ON_THE_PATH
        for name in sources
        if name.startswith(f"{folder.replace('/', '.')}.")
    }
    found: dict[str, set[str]] = {}
    for module, (text, is_package) in sources.items():
        targets = {string for string in strings(text) if "." in string and string in sources}
        for name in imported(text, module, is_package):
            # A name is a module or something in one: the longest prefix that is a module.
            parts = name.split(".")
            prefixes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
            target = next((p for p in prefixes if p in sources or p in bare), None)
            if target is not None:
                targets.add(bare.get(target, target) if target not in sources else target)
        found[module] = targets - {module}
    return found


def tree() -> dict[str, tuple[str, bool]]:
    return {
        module_name(path): (path.read_text("utf-8"), path.name == "__init__.py")
        for path in python_files()
    }


def room_of(module: str) -> str:
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next(prefix for prefix in prefixes if prefix in FLOOR_OF)


def upward(found: dict[str, set[str]]) -> list[str]:
    """The arrows that do not go down."""
    wrong = []
    for module, targets in found.items():
        for target in sorted(targets):
            here, there = room_of(module), room_of(target)
            if here != there and FLOOR_OF[there] >= FLOOR_OF[here]:
                wrong.append(f"{module} imports {target}")
    return wrong


def circle(found: dict[str, set[str]]) -> list[str]:
    """The modules of one circle of imports, none if there is none."""
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        return error.args[1]
    return []


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


def test_imports_go_down():
    assert not upward(arrows(tree()))


def test_no_circle_of_imports():
    assert not circle(arrows(tree()))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("segnet_tf.layers.pooling", "from segnet_tf.training import train"),
        ("segnet_tf.data.camvid", "def f():\n    import segnet_tf.cli.main"),
        ("segnet_tf.export.conversion.convert", "from segnet_tf.export.checks import rules"),
        ("segnet_tf.export.exporter", "import export.android_assets"),
        ("segnet_tf.runs.records", "from rivals import memory"),
        ("segnet_tf.ops", "import importlib\nimportlib.import_module('segnet_tf.cli.main')"),
        ("segnet_tf.system.subprocesses", "COMMAND = ('-m', 'segnet_tf.inference.predictors')"),
    ],
)
def test_a_planted_upward_import_is_found(module, line):
    sources = tree()
    text, is_package = sources[module]
    sources[module] = (f"{text}\n{line}\n", is_package)
    found = upward(arrows(sources))
    assert len(found) == 1 and found[0].startswith(module)


def test_a_planted_circle_is_found():
    sources = tree()
    text, is_package = sources["segnet_tf.data.samples"]
    text += "\ndef f():\n    from segnet_tf.data import dataset\n"
    sources["segnet_tf.data.samples"] = (text, is_package)
    assert "segnet_tf.data.dataset" in circle(arrows(sources))


def test_library_knows_no_converter():
    wrong = [
        f"{module} imports {name}"
        for module, (text, is_package) in tree().items()
        for name in sorted(imported(text, module, is_package))
        if module.startswith("segnet_tf.")
        and not module.startswith("segnet_tf.export.")
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
