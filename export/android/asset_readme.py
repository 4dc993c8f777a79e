"""The README of android_demo_assets/, out of its template, the Kotlin files and the manifest."""

from __future__ import annotations

import json
import string
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
# The app is its own source, as the page is: it is edited where it lies.
APP = FOLDER.parents[1] / "android_demo_assets" / "app"
KOTLIN = APP / "app" / "src" / "main" / "kotlin" / "com" / "example" / "segmentation"
SHOWN = (
    KOTLIN / "Mask.kt",
    KOTLIN / "MediaPipeSegmenter.kt",
    KOTLIN / "CompiledModelSegmenter.kt",
    FOLDER / "InterpreterSegmenter.kt",
    FOLDER / "UnsureSegmenter.kt",
)


def text(manifest: dict[str, Any]) -> str:
    """The README for the files that the manifest lists, the one for the processor first."""
    first, second = manifest["models"]
    parts = first["xnnpack"]
    _, height, width, classes = first["output"]["shape"]
    code = {path.stem: path.read_text("utf-8").strip() for path in SHOWN}
    return string.Template((FOLDER / "README.md").read_text("utf-8")).substitute(
        code,
        litert=_library("litert"),
        litert_gpu=_library("litert-gpu"),
        mediapipe=_library("mediapipe-tasks-vision"),
        constants=_constants(manifest["labels"], manifest["palette"]),
        models="\n".join(_row(entry) for entry in manifest["models"]),
        scores="\n".join(_score(entry) for entry in manifest["models"]),
        first=first["file"],
        second=second["file"],
        mask=first["sample_mask"],
        second_mask=second["sample_mask"],
        height=height,
        width=width,
        classes=classes,
        delegated=parts["delegated"],
        total=parts["total"],
        partitions="one partition" if parts["count"] == 1 else f"{parts['count']} partitions",
    )


def _library(name: str) -> str:
    """A library as Gradle has it, by its name in the app's catalog: group:name:version."""
    catalog = tomllib.loads((APP / "gradle" / "libs.versions.toml").read_text("utf-8"))
    found = catalog["libraries"][name]
    return f"{found['module']}:{catalog['versions'][found['version']['ref']]}"


def _constants(labels: list[str], palette: list[list[int]]) -> str:
    """Both as Kotlin; a JSON string is one of Kotlin's too, but for its templates."""
    names = (json.dumps(label, ensure_ascii=False).replace("$", "\\$") for label in labels)
    colors = (f"0x{red:02X}{green:02X}{blue:02X}" for red, green, blue in palette)
    return (
        f"val labels = listOf(\n    {_lines(names)}\n)\n"
        f"val palette = intArrayOf(\n    {_lines(colors)}\n)"
    )


def _lines(items: Iterable[str]) -> str:
    """Six a line, a comma after each."""
    found = [f"{item}," for item in items]
    return "\n    ".join(" ".join(found[start : start + 6]) for start in range(0, len(found), 6))


def _row(entry: dict[str, Any]) -> str:
    _, height, width, _ = entry["input"]["shape"]
    inside = {"int8": "int8 inside", "float16": "weights in float16"}[entry["format"]]
    size = f"{entry['bytes'] / 1e6:.2f} MB"
    return f"| `{entry['file']}` | the model, {size}, {inside}, images of {width}x{height} |"


def _score(entry: dict[str, Any]) -> str:
    score = entry["score"]
    agreement = f"{100 * score['pixels_as_keras']:.2f} % of pixels as Keras has them"
    if score["mean_iou"] is None:
        return (
            f"- `{entry['file']}`: {agreement} ({score['protocol']}); its score was not measured."
        )
    return (
        f"- `{entry['file']}`: mean IoU {100 * score['mean_iou']:.2f} %, Keras "
        f"{100 * score['keras_mean_iou']:.2f} %; {agreement} ({score['protocol']})."
    )
