"""The commands that are killed and starved, on the smallest models and data, and their judges.

A judge reads files by h5py, json, csv and zipfile, and TFRecords by hand: by none of the code that
wrote them.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import tiny_run

from export import android_assets, web_folder
from segnet_tf import models, plots
from segnet_tf.cli import command
from segnet_tf.cli.main import main
from segnet_tf.data import open_source
from segnet_tf.data.shards.writer import write_shards
from segnet_tf.export.conversion import convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import interpreter

# Of every job: files of the user, of names that a careless writer would take.
THEIRS = {"notes.txt": b"mine", ".best.partial.keras": b"mine", "sub/.x.partial.json": b"mine"}
_TRAIN = (
    *("train", "--data", "synthetic:5", "--size", "32x32", "--batch-size", "2", "--epochs", "3"),
    *("--learning-rate", "0.01"),
)


@dataclasses.dataclass(frozen=True)
class Job:
    """A command on a folder.

    Attributes:
        name: of the command.
        run: does it: (folder, seed or other kind of what is written, replace) -> exit code.
        goes_on: the same after a kill: it must end with what `run` alone gives.
        content: the files in a folder as they are compared, by name; raises if one is not whole.
        alone: whether a folder must hold nothing else when the command begins.
        model: whether it needs what `make_model` trains.
    """

    name: str
    run: Callable[[Path, int, bool], int]
    goes_on: Callable[[Path, int], int]
    content: Callable[[Path], dict[str, object]]
    alone: bool = False
    model: bool = False


def prepare(root: Path) -> None:
    """Patches what takes long and writes nothing; called in each child.

    The converter's result is kept in a file from one child to the next. The network is that of
    `tiny_run`, pictures are empty files.
    """
    models.build = tiny_run.build
    for name in ("curves", "confusion", "predictions"):
        setattr(plots, name, lambda *arguments: Path(arguments[-1]).touch())
    cpu.latency_ms = lambda content: 1.5
    interpreter.check_survives = lambda path, **_: None
    convert.convert = _kept(convert.convert, root / "converted")


def _kept(function: Callable[..., bytes], folder: Path) -> Callable[..., bytes]:
    folder.mkdir(exist_ok=True)

    def call(model, size, format="float32", **options):
        weights = [array.tobytes() for array in model.get_weights()]
        key = hashlib.sha256(pickle.dumps((weights, size, format, sorted(options)))).hexdigest()
        file = folder / key
        if not file.exists():
            content = function(model, size, format, **options)
            (folder / f"{key}.new").write_bytes(content)
            (folder / f"{key}.new").rename(file)
        return file.read_bytes()

    return call


def jobs(root: Path) -> dict[str, Job]:
    """All of them, by name. `root` has the model that is exported: see `make_model`."""

    def train(folder: Path, seed: int, replace: bool) -> int:
        options = ["--seed", str(seed), "--output", str(folder)]
        return main([*_TRAIN, *options, *(["--overwrite"] if replace else [])])

    def train_on(folder: Path, seed: int) -> int:
        """What a user does: goes on if it is the run that was begun, else begins again."""
        record = folder / "config.json"
        if record.exists() and json.loads(record.read_text())["config"]["seed"] == seed:
            return main(["train", "--resume", str(folder)])
        return train(folder, seed, record.exists() or (folder / "notes.txt").exists())

    def export(folder: Path, kind: int, replace: bool) -> int:
        folder.mkdir(exist_ok=True)
        options = ["--model", str(root / f"model{kind}"), "--output", str(folder / "m.tflite")]
        options += ["--json", str(folder / "m.json"), "--limit", "2", "--max-drop", "100"]
        return main(
            ["export", "--int8", "--calibration-images", "2", *options]
            + (["--overwrite"] if replace else [])
        )

    def assets(folder: Path, kind: int, replace: bool) -> int:
        del replace
        model = str(root / f"model{kind}")
        return android_assets.main(["--model", model, "--output", str(folder), "--limit", "2"])

    def shard(folder: Path, kind: int, replace: bool) -> int:
        def run(arguments) -> int:
            source = open_source("synthetic:12", size=(32, 32 + kind))
            splits = {name: source.samples(name) for name in ("train", "val")}
            write_shards(splits, folder, {}, shard_bytes=6000, overwrite=replace)
            return 0

        return command.main("shard", lambda parser: None, run, [])

    def web(folder: Path, kind: int, replace: bool) -> int:
        del replace

        def run(arguments) -> int:
            web_folder.assemble(folder, root / f"assets{kind}", root / "litertjs")
            return 0

        return command.main("web", lambda parser: None, run, [])

    def shard_on(folder: Path, kind: int) -> int:
        # A manifest and nothing unfinished: the kill came after the end.
        replace = (folder / "manifest.json").exists()
        return shard(folder, kind, replace)

    return {
        "train": Job("train", train, train_on, _run_content, alone=True),
        "export": Job(
            "export", export, lambda f, k: export(f, k, True), _export_content, model=True
        ),
        "android-assets": Job(
            "android-assets", assets, lambda f, k: assets(f, k, True), _bytes_of, model=True
        ),
        "shard": Job("shard", shard, shard_on, _shards_content),
        "web": Job("web", web, lambda f, k: web(f, k, True), _bytes_of, alone=True),
    }


def make_model(root: Path, kind: int) -> int:
    """Trains a model to export."""
    folder = root / f"model{kind}"
    code = main([*_TRAIN, "--seed", str(kind), "--output", str(folder)])
    record = json.loads((folder / "config.json").read_text())
    # Files of the two are named differently.
    record["config"]["model"] = f"kind{kind}"
    (folder / "config.json").write_text(json.dumps(record))
    return code


def make_sources(root: Path, kind: int) -> None:
    """Writes what `make web` takes."""
    source = root / f"assets{kind}"
    source.mkdir()
    (source / f"{kind}.tflite").write_bytes(bytes(100_000 + kind))
    (source / "manifest.json").write_text(json.dumps({"models": [{"file": f"{kind}.tflite"}]}))
    for name in ("core/package.json", "core/wasm/a.wasm", "wasm-utils/dist/index.js"):
        (root / "litertjs" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "litertjs" / name).write_text(f"{name}")
    index = root / "litertjs/core/dist/index.js"
    index.parent.mkdir(exist_ok=True)
    index.write_text('import { createWasmLib } from "@litertjs/wasm-utils";')


def files_in(folder: Path) -> dict[str, Path]:
    """Name -> file, without those of `THEIRS`, and without what a killed process leaves."""
    found = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    return {
        name: path
        for name, path in found.items()
        if name not in THEIRS and not any(part.startswith(".segnet_tf") for part in name.split("/"))
    }


def _bytes_of(folder: Path) -> dict[str, object]:
    return {name: path.read_bytes() for name, path in files_in(folder).items()}


def _export_content(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, path in files_in(folder).items():
        found[name] = path.read_bytes() if name.endswith(".tflite") else "report"
        if name.endswith(".json"):
            json.loads(path.read_text())
    return found


def _run_content(folder: Path) -> dict[str, object]:
    """Weights and state of the optimizer, the log without its seconds, the configuration."""
    found: dict[str, object] = {}
    for name, path in files_in(folder).items():
        if name.endswith(".keras"):
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
                weights = archive.read("model.weights.h5")
            arrays: dict[str, bytes] = {}

            def visit(key: str, item: object, arrays: dict[str, bytes] = arrays) -> None:
                if isinstance(item, h5py.Dataset):
                    arrays[key] = item[()].tobytes()

            with h5py.File(io.BytesIO(weights)) as file:
                file.visititems(visit)
            found[name] = arrays
        elif name == "log.csv":
            rows = list(csv.reader(path.read_text().splitlines()))
            assert {len(row) for row in rows} == {len(rows[0])}
            found[name] = [row[:-1] for row in rows]
        elif name == "config.json":
            found[name] = json.loads(path.read_text())["config"]
        elif name == "scores.json":
            found[name] = json.loads(path.read_text())["per_class_iou"]
        else:
            found[name] = path.suffix
    return found


def _shards_content(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, path in files_in(folder).items():
        content = path.read_bytes()
        if name.endswith(".tfrecord"):
            place = 0
            while place < len(content):
                (length,) = struct.unpack_from("<Q", content, place)
                place += length + 16
            assert place == len(content), f"{name} is cut"
        else:
            json.loads(content)
        found[name] = content
    return found
