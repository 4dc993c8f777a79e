"""A folder as `make android-assets` writes it, made of the shipped SegNet-Mini: small and quick."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

from segnet_tf.data.camvid import CLASSES
from segnet_tf.data.scenes import synthetic
from segnet_tf.export import sources
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu

SCENE = 11  # which the CamVid weights read best of the first two dozen: 85 % of its pixels


def write(folder: Path, size: tuple[int, int]) -> None:
    """Writes an int8 and a float16 file, the sample scene, its mask and manifest.json."""
    source = sources.open_source("weights:segnet_mini_camvid")
    ranges = calibration.read_ranges(source.shipped_ranges())
    contents = {
        "int8": convert.convert(source.model, size, format="int8", ranges=ranges),
        "float16": convert.convert(source.model, size, format="float16"),
    }
    models = [_write_model(folder, kind, content, size) for kind, content in contents.items()]
    image = synthetic.scene(SCENE, size=size)[0]
    Image.fromarray(image).save(folder / "sample.png")
    Image.fromarray(classes_of(contents["int8"], image)).save(folder / "sample_mask.png")
    manifest = {
        "models": models,
        "labels": CLASSES.names,
        "palette": CLASSES.colors,
        "sample": {"image": "sample.png", "mask": "sample_mask.png"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def _write_model(folder: Path, kind: str, content: bytes, size: tuple[int, int]) -> dict:
    name = f"segnet_mini_{kind}.tflite"
    (folder / name).write_bytes(content)
    faces = {"input": (3, "input"), "output": (len(CLASSES.names), "output")}
    return {
        "file": name,
        "format": kind,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **{
            face: {"name": label, "shape": [1, *size, channels], "dtype": "float32"}
            for face, (channels, label) in faces.items()
        },
    }


def classes_of(content: bytes, image: np.ndarray) -> np.ndarray:
    """What LiteRT's XNNPACK kernels make of an image: uint8 `(height, width)`."""
    scores = cpu.run(
        cpu.open_interpreter(content, "xnnpack"), image[np.newaxis].astype(np.float32)
    )[0]
    return scores[0].argmax(-1).astype(np.uint8)
