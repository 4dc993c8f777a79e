"""The manifest of android_demo_assets/: what is true of its files, for programs to read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from segnet_tf.export.runtimes import cpu
from segnet_tf.version import __version__


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def partitions(content: bytes) -> dict[str, Any]:
    """How XNNPACK takes the graph."""
    found = dataclasses.asdict(cpu.partitions(content))
    return {**found, "left_out": list(found["left_out"])}


def tensor(graph: Any, index: int) -> dict[str, Any]:
    """An input or output: name, shape, dtype and quantization."""
    found = graph.tensors[index]
    quantization = None
    if found.scale.size:
        scale, zero = float(found.scale[0]), int(found.zero_point[0])
        quantization = {"scale": scale, "zero_point": zero}
    return {
        "name": found.name,
        "shape": list(found.shape),
        "dtype": found.dtype,
        "quantization": quantization,
    }


def score(found: dict[str, Any], earlier: dict[str, Any] | None) -> dict[str, Any]:
    """What `agreement.compare` found, or what an earlier run found of the same bytes."""
    scored = found["tflite_mean_iou"] is not None
    if not scored and earlier is not None and earlier["mean_iou"] is not None:
        return earlier  # the same bytes score the same
    return {
        "mean_iou": round(found["tflite_mean_iou"], 6) if scored else None,
        "keras_mean_iou": round(found["keras_mean_iou"], 6) if scored else None,
        "pixels_as_keras": round(found["pixel_agreement"], 6),
        "protocol": f"{found['images']} images of {found['data']}, "
        + ("void left out, one confusion matrix over all" if scored else "no labels"),
    }


def earlier_scores(folder: Path) -> dict[str, Any]:
    """SHA-256 of a file -> its score, from the manifest that is to be replaced."""
    try:
        entries = json.loads((folder / "manifest.json").read_text("utf-8"))["models"]
        return {entry["sha256"]: entry["score"] for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def manifest(
    weights: str,
    models: list[dict[str, Any]],
    labels: list[str],
    palette: list[list[int]],
    sample: dict[str, Any],
    folder: Path,
) -> dict[str, Any]:
    """All of it; the files must be in `folder`."""
    masks = [entry["sample_mask"] for entry in models]
    files = sorted([sample["image"], "labels.txt", "palette.json", *masks])
    drawn_by = f"segnet_tf.data.scenes.synthetic.scene({sample['scene']}, size=(height, width))"
    return {
        "exporter": f"segnet_tf {__version__}",
        "weights": weights,
        "models": models,
        "labels": labels,
        "palette": palette,
        "sample": {
            "image": sample["image"],
            "mask": sample["mask"],
            "mask_of": models[0]["file"],
            "drawn_by": drawn_by,
        },
        "sha256": {name: digest(folder / name) for name in files},
    }
