"""Writes android_demo_assets/: all that an app developer copies, and what is true of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from export.android import asset_manifest, asset_readme
from segnet_tf.data import Classes, camvid
from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export import exporter, sources
from segnet_tf.export.options import ExportOptions
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.formats import Format
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.models.input_size import channel_words
from segnet_tf.runs.records import RunRecord, run_classes
from segnet_tf.system.atomic_files import temporary_folder
from segnet_tf.system.json_files import read_json, write_json
from segnet_tf.system.outputs import require_plain_name
from segnet_tf.system.owned_files import check_owned, replace_owned

FORMATS: tuple[Format, ...] = ("int8", "float16")
# A clear day with cars, people, signs and a cyclist seen from the side. Of the first 260 scenes it
# was among the five that SegNet-Lite read best by mean IoU and count of classes, when chosen.
SCENE = 166
SAMPLE, MASK = "sample.png", "sample_mask.png"
SUMS = "SHA256SUMS"
TEXTS = ("README.md", "labels.txt", "manifest.json", "palette.json")


def write(
    folder: str | Path,
    *,
    model: str,
    data: str | None = None,
    input_size: tuple[int, int] | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Writes every file of the folder but its page, in place of those of an earlier run.

    All of them are made before the first is replaced; a kill leaves each one whole.

    Args:
        folder: made if missing. What else is in it stays.
        model: "weights:NAME" or a run folder.
        data: to score the files on; `None` keeps the score that an equal file had in the folder,
            or else compares with Keras on synthetic scenes only.
        input_size: `(height, width)` in pixels; `None` is the model's own or 360x480.
        limit: score on the first so many images only.

    Returns:
        The manifest.

    Raises:
        CheckFailed: a file failed a check of the exporter; the folder is as it was.
        UserError: bad input, or files of others under the names to write, which is known before
            the export; the folder is as it was.
    """
    folder = Path(folder)
    source = sources.open_source(model)
    if source.model.input_shape[-1] != 3:
        raise UserError(
            "`model` must take RGB images, which is what the app and the page have. "
            f"Received: {source.name}, which takes {channel_words(source.model.input_shape[-1])}. "
            "Export it by itself: segnet-tf export."
        )
    record = _record(source)
    classes = _classes(record)
    name = require_plain_name(record["config"]["model"], "model", f"config.json of {source.name}")
    files = {kind: f"{name}_{kind}.tflite" for kind in FORMATS}
    owned = _earlier_files(folder)
    check_owned(folder, (SUMS, *TEXTS, SAMPLE, *map(_mask_file, FORMATS), *files.values()), owned)
    earlier = asset_manifest.earlier_scores(folder)
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    with temporary_folder(there) as made:
        entries = []
        for kind in FORMATS:
            path = made / files[kind]
            options = ExportOptions(
                kind, data=data, output=path, input_size=input_size, limit=limit
            )
            entries.append(_export(source, options, path, earlier))
        height, width = entries[0]["input"]["shape"][1:3]
        image, _ = synthetic.scene(SCENE, size=(height, width))
        Image.fromarray(image).save(made / SAMPLE)
        for entry in entries:
            _mask(made / entry["file"], image, classes).save(made / entry["sample_mask"])
        labels = list(classes.names)
        palette = [list(color) for color in classes.colors]
        (made / "labels.txt").write_text("".join(f"{label}\n" for label in labels), "utf-8")
        write_json(made / "palette.json", dict(zip(labels, palette, strict=True)))
        sample = {"image": SAMPLE, "mask": MASK, "scene": SCENE}
        manifest = asset_manifest.manifest(source.name, entries, labels, palette, sample, made)
        write_json(made / "manifest.json", manifest)
        (made / "README.md").write_text(asset_readme.text(manifest), "utf-8")
        _write_sums(made)
        names = sorted(path.name for path in made.iterdir() if path.name != SUMS)
        # The sums get their name last: until then they do not fit.
        replace_owned(folder, {name: made / name for name in (SUMS, *names)}, owned)
    return manifest


def _record(source: sources.Source) -> RunRecord:
    if source.record is None:
        raise UserError(
            "`model` must be shipped weights or a run, which know their classes. "
            f"Received: {source.name}. Give weights:NAME or a run folder."
        )
    return source.record


def _classes(record: RunRecord) -> Classes:
    """Names and colors of the run; those of CamVid have their home in `segnet_tf.data.camvid`."""
    classes = run_classes(record)
    return camvid.CLASSES if classes.names == camvid.CLASSES.names else classes


def _export(
    source: sources.Source,
    options: ExportOptions,
    path: Path,
    earlier: dict[str, Any],
) -> dict[str, Any]:
    """Exports and checks one file; its entry in the manifest."""
    _, report = exporter.export(source, options)
    content = path.read_bytes()
    graph = flatbuffer.read(content)
    face = asset_manifest.tensor(graph, graph.inputs[0])
    digest = asset_manifest.digest(path)
    kind = options.format
    return {
        "file": path.name,
        "format": kind,
        "bytes": len(content),
        "sha256": digest,
        "input": {**face, "range": [0, 255], "layout": "NHWC, RGB"},
        "output": {**asset_manifest.tensor(graph, graph.outputs[0]), "meaning": "logits, NHWC"},
        "xnnpack": asset_manifest.partitions(content),
        "score": asset_manifest.score(report.facts["scores"], earlier.get(digest)),
        "sample_mask": _mask_file(kind),
    }


def _mask_file(kind: Format) -> str:
    return MASK if kind == FORMATS[0] else f"sample_mask_{kind}.png"


def _mask(path: Path, image: np.ndarray, classes: Classes) -> Image.Image:
    """What the file computes for the sample, on XNNPACK, as a palette image of class ids."""
    mask = Image.fromarray(TFLiteModel(path)(image).argmax(axis=-1).astype(np.uint8))
    mask.putpalette(classes.palette().tobytes())
    return mask


def _write_sums(made: Path) -> None:
    lines = [f"{asset_manifest.digest(file)}  {file.name}\n" for file in sorted(made.iterdir())]
    (made / SUMS).write_text("".join(lines), "utf-8")


def _earlier_files(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of the files of an earlier run, whose model may have had another name.

    Empty where the manifest is not of this program: a list of sums may be anybody's.
    """
    try:
        if not str(read_json(folder / "manifest.json").get("exporter")).startswith("segnet_tf "):
            return {}
        text = (folder / SUMS).read_text("utf-8", "replace")
    except (UserError, OSError):
        return {}
    listed = {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  (.+)$", text, re.M)}
    is_plain = {name for name in listed if Path(name).name == name and name.isprintable()}
    return {SUMS: "", **{name: listed[name] for name in is_plain - {".."}}}
