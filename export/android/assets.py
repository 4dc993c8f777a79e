"""Writes android_demo_assets/: all that an app developer copies, and what is true of it."""

from __future__ import annotations

import tempfile
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
from segnet_tf.system.json_files import write_json

FORMATS: tuple[Format, ...] = ("int8", "float16")
# A clear day with a car, cyclists and signs near and far.
SCENE = 6
SAMPLE, MASK = "sample.png", "sample_mask.png"
SUMS = "SHA256SUMS"


def write(
    folder: str | Path,
    *,
    model: str,
    data: str | None = None,
    input_size: tuple[int, int] | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Writes every file of the folder but its page, in place of those of an earlier run.

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
        UserError: bad input; the folder is as it was.
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
    earlier = asset_manifest.earlier_scores(folder)
    with tempfile.TemporaryDirectory() as aside:
        made = Path(aside)
        entries = []
        for kind in FORMATS:
            path = made / f"{record['config']['model']}_{kind}.tflite"
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
        folder.mkdir(parents=True, exist_ok=True)
        _remove_earlier(folder)
        for file in sorted(made.iterdir()):
            (folder / file.name).write_bytes(file.read_bytes())
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
        "sample_mask": MASK if kind == FORMATS[0] else f"sample_mask_{kind}.png",
    }


def _mask(path: Path, image: np.ndarray, classes: Classes) -> Image.Image:
    """What the file computes for the sample, on XNNPACK, as a palette image of class ids."""
    mask = Image.fromarray(TFLiteModel(path)(image).argmax(axis=-1).astype(np.uint8))
    mask.putpalette(classes.palette().tobytes())
    return mask


def _write_sums(made: Path) -> None:
    lines = [f"{asset_manifest.digest(file)}  {file.name}\n" for file in sorted(made.iterdir())]
    (made / SUMS).write_text("".join(lines), "utf-8")


def _remove_earlier(folder: Path) -> None:
    """Removes the files of an earlier run, whose model may have had another name."""
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except OSError:
        return
    for name in [line.split("  ", 1)[-1] for line in lines]:
        if Path(name).name == name:
            (folder / name).unlink(missing_ok=True)
