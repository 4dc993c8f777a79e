"""Writes android_demo_assets/: all that an app developer copies, and what is true of it.

python -m export.android_assets [--model weights:NAME] [--data DIR] [--output FOLDER]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "android_demo_assets"
MODEL = "weights:segnet_lite_camvid"
FORMATS = ("int8", "float16")
# A clear day with a car, cyclists and signs near and far.
SCENE = 6
SAMPLE, MASK = "sample.png", "sample_mask.png"
SUMS = "SHA256SUMS"


def write(
    folder: str | Path = FOLDER,
    *,
    model: str = MODEL,
    data: str | None = None,
    input_size: tuple[int, int] | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Writes every file of the folder but its page; what is there of an earlier run is replaced.

    Args:
        folder: made if missing. What else is in it stays.
        model: as `export.tflite` takes it.
        data: to score the files on; `None` keeps the score that an equal file had in the folder,
            or else compares with Keras on drawn scenes only.
        input_size: `(height, width)` in pixels; `None` is the model's own or 360x480.
        limit: score on the first so many images only.

    Returns:
        The manifest.

    Raises:
        CheckFailed: a file broke a promise of the exporter's; the folder is as it was.
        UserError: bad input; the folder is as it was.
    """
    from PIL import Image

    from export.android import asset_manifest, asset_readme
    from segnet_tf.data import Classes
    from segnet_tf.data.scenes import synthetic
    from segnet_tf.export import sources
    from segnet_tf.runs.records import run_classes

    folder = Path(folder)
    source = sources.open_source(model)
    classes: Classes = _classes(source, run_classes)
    earlier = asset_manifest.earlier_scores(folder)
    with tempfile.TemporaryDirectory() as aside:
        made = Path(aside)
        entries = [
            _export(made, source, kind, data, input_size, limit, earlier) for kind in FORMATS
        ]
        height, width = entries[0]["input"]["shape"][1:3]
        image, _ = synthetic.scene(SCENE, size=(height, width))
        Image.fromarray(image).save(made / SAMPLE)
        for entry in entries:
            _mask(made / entry["file"], image, classes).save(made / entry["sample_mask"])
        labels = list(classes.names)
        palette = [list(color) for color in classes.colors]
        colors = dict(zip(labels, palette, strict=True))
        (made / "labels.txt").write_text("".join(f"{label}\n" for label in labels), "utf-8")
        (made / "palette.json").write_text(_json(colors), "utf-8")
        sample = {"image": SAMPLE, "mask": MASK, "scene": SCENE}
        manifest = asset_manifest.manifest(source.name, entries, labels, palette, sample, made)
        (made / "manifest.json").write_text(_json(manifest), "utf-8")
        (made / "README.md").write_text(asset_readme.text(manifest), "utf-8")
        _sums(made)
        folder.mkdir(parents=True, exist_ok=True)
        _remove(folder)
        for file in sorted(made.iterdir()):
            (folder / file.name).write_bytes(file.read_bytes())
    return manifest


def _classes(source: Any, run_classes: Any) -> Any:
    """Names and colors of the run; those of CamVid have their home in `segnet_tf.data.camvid`."""
    from segnet_tf.data import camvid
    from segnet_tf.errors import UserError

    if source.record is None:
        raise UserError(
            "`model` must be shipped weights or a run, which know their classes. "
            f"Received: {source.name}. Give weights:NAME or a run folder."
        )
    classes = run_classes(source.record)
    return camvid.CLASSES if classes.names == camvid.CLASSES.names else classes


def _export(
    folder: Path, source: Any, kind: str, data: Any, size: Any, limit: Any, earlier: dict[str, Any]
) -> dict[str, Any]:
    """Exports and checks one file; its entry in the manifest."""
    from export.android import asset_manifest
    from segnet_tf.export import exporter
    from segnet_tf.export.tflite_file import flatbuffer

    path = folder / f"{source.record['config']['model']}_{kind}.tflite"
    path, report = exporter.export(
        source,
        format=kind,
        data=data,
        output=path,
        input_size=size,
        limit=limit,
    )
    content = path.read_bytes()
    graph = flatbuffer.read(content)
    face = asset_manifest.tensor(graph, graph.inputs[0])
    digest = asset_manifest.digest(path)
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


def _mask(path: Path, image: Any, classes: Any) -> Any:
    """What the file says of the sample, on XNNPACK, as a palette image of class ids."""
    import numpy as np
    from PIL import Image

    from segnet_tf.inference.tflite_model import TFLiteModel

    mask = Image.fromarray(TFLiteModel(path)(image).argmax(axis=-1).astype(np.uint8))
    mask.putpalette(classes.palette().tobytes())
    return mask


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _sums(made: Path) -> None:
    from export.android import asset_manifest

    lines = [f"{asset_manifest.digest(file)}  {file.name}\n" for file in sorted(made.iterdir())]
    (made / SUMS).write_text("".join(lines), "utf-8")


def _remove(folder: Path) -> None:
    """Files of an earlier run, whose model may have had another name."""
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except OSError:
        return
    for name in [line.split("  ", 1)[-1] for line in lines]:
        if Path(name).name == name:
            (folder / name).unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 1 if a check failed, 2 for bad input."""
    parser = argparse.ArgumentParser(description="Write the files that an app developer copies.")
    parser.add_argument("--model", default=MODEL, help="weights:NAME or a run (%(default)s)")
    parser.add_argument("--data", metavar="DIR", help="data set to score the files on")
    parser.add_argument("--limit", type=int, metavar="N", help="score on the first N images only")
    parser.add_argument("--output", metavar="FOLDER", default=str(FOLDER), help="where to")
    arguments = parser.parse_args(argv)
    from segnet_tf.export import exporter, sources
    from segnet_tf.system.tensorflow_start import start_tensorflow

    start_tensorflow()
    with sources.errors_in_one_line("android_assets") as outcome:
        try:
            manifest = write(
                arguments.output, model=arguments.model, data=arguments.data, limit=arguments.limit
            )
        except exporter.CheckFailed as error:
            print(f"android_assets: a check failed, nothing was written: {error}", file=sys.stderr)
            return 1
        for entry in manifest["models"]:
            print(f"{entry['file']}: {entry['bytes'] / 1e6:.2f} MB, {_words(entry['score'])}")
        print(f"wrote {arguments.output}")
    return outcome.code


def _words(score: dict[str, Any]) -> str:
    if score["mean_iou"] is None:
        return f"no score, give --data; {100 * score['pixels_as_keras']:.2f} % of pixels as Keras"
    return f"mean IoU {100 * score['mean_iou']:.2f} % ({score['protocol']})"


if __name__ == "__main__":
    sys.exit(main())
