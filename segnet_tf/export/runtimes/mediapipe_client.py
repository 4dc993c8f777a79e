"""Runs a .tflite file as an app does: MediaPipe's ImageSegmenter in Python and in a browser.

It gets the file and no other option, so its outputs show what it reads in the metadata. It needs
what `make mediapipe` sets up. It is no `Runtime`: it gives masks at the image's size, not the
file's outputs.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import browser
from segnet_tf.system import places, subprocesses

PYTHON = places.work() / ".venv-mediapipe" / "bin" / "python"
PARTS = places.runtimes() / "mediapipe"
DRIVER = Path(__file__).resolve().parent / "mediapipe_driver"
COMMAND = "make mediapipe"
# name -> what tasks-vision calls it
BROWSER_CLIENTS = {"browser-cpu": "CPU", "browser-gpu": "GPU"}
CLIENTS = ("python", *BROWSER_CLIENTS)


@dataclass(frozen=True)
class Segmentation:
    """What MediaPipe makes of an image.

    Attributes:
        labels: the class names it found in the file.
        category: uint8 `(height, width)`, at the image's size.
        confidence: float32 `(classes, height, width)`.
        quality: what the API calls quality scores, float32: all values of the output before that of
            the classes, or a 1 for each class. `None` in Python, where it has none.
    """

    labels: tuple[str, ...]
    category: np.ndarray
    confidence: np.ndarray
    quality: np.ndarray | None = None


def unavailable(client: str) -> str | None:
    """What is missing and the command that installs it, in one line; `None` if nothing is."""
    if not PYTHON.is_file() or not (PARTS / ".ready").is_file():
        return f"MediaPipe is not set up. Install it with: {COMMAND} (600 MB)"
    return browser.unavailable() if client in BROWSER_CLIENTS else None


def segment(
    content: bytes, images: list[np.ndarray], client: str = "python", seconds: float = 600
) -> list[Segmentation]:
    """Segments images, each at a size of its own.

    Args:
        content: of the file.
        images: uint8 `(height, width, 3)` RGB each.
        client: one of `CLIENTS`.
        seconds: that it may take in all.

    Raises:
        UserError: parts are missing, or MediaPipe refuses the file, with its own words.
    """
    if client not in CLIENTS:
        raise UserError(f"`client` must be one of {', '.join(CLIENTS)}. Received: {client!r}.")
    if missing := unavailable(client):
        raise UserError(missing)
    # The page may read what is in PARTS, and nothing else.
    with tempfile.TemporaryDirectory(prefix="job_", dir=PARTS) as folder:
        run = _in_python if client == "python" else _in_browser
        return run(content, images, client, Path(folder), seconds)


def described(content: bytes) -> dict[str, Any]:
    """A file's metadata as MediaPipe's own generated code reads it, for `worker.py`'s keys."""
    if missing := unavailable("python"):
        raise UserError(missing)
    with tempfile.TemporaryDirectory(prefix="job_", dir=PARTS) as folder:
        job = Path(folder)
        (job / "model.tflite").write_bytes(content)
        command = [str(PYTHON), str(DRIVER / "worker.py"), str(job), "--describe"]
        finished = _subprocess(command, 120)
        if finished.code:
            raise _refused("python", finished.last_line)
        return json.loads((job / "described.json").read_text("utf-8"))


def _refused(client: str, words: str) -> UserError:
    return UserError(
        f"`tflite` must be one that MediaPipe's ImageSegmenter takes ({client}). "
        f"Received: one of which it says: {' '.join(words.split())[:400]}"
    )


def _subprocess(command: list[str], seconds: float) -> subprocesses.Finished:
    return subprocesses.run(
        command, seconds=seconds, how="in MediaPipe", advice="Take fewer images or smaller ones."
    )


def _in_python(
    content: bytes, images: list[np.ndarray], client: str, job: Path, seconds: float
) -> list[Segmentation]:
    (job / "model.tflite").write_bytes(content)
    named: dict[str, Any] = {str(index): image for index, image in enumerate(images)}
    np.savez(job / "images.npz", **named)
    finished = _subprocess([str(PYTHON), str(DRIVER / "worker.py"), str(job)], seconds)
    if (job / "refused.txt").is_file():
        raise _refused(client, (job / "refused.txt").read_text("utf-8"))
    if finished.code:
        raise _refused(client, finished.last_line)
    with np.load(job / "outputs.npz") as outputs:
        labels = tuple(map(str, outputs["labels"]))
        return [
            Segmentation(labels, outputs[f"{index}/category"], outputs[f"{index}/confidence"])
            for index in range(len(images))
        ]


def _in_browser(
    content: bytes, images: list[np.ndarray], client: str, job: Path, seconds: float
) -> list[Segmentation]:
    (job / "model").write_bytes(content)
    for index, image in enumerate(images):
        opaque = np.full((*image.shape[:2], 1), 255, np.uint8)
        np.concatenate([image, opaque], axis=-1).tofile(job / f"in_{index}")
    program, libraries = browser.program()
    request = {
        "page": str(DRIVER / "page.html"),
        "playwright": str(browser.PARTS / "package.json"),
        "browser": program,
        "libraries": libraries,
        "delegate": BROWSER_CLIENTS[client],
        "images": [{"height": image.shape[0], "width": image.shape[1]} for image in images],
        "seconds": seconds,
    }
    (job / "job.json").write_text(json.dumps(request), "utf-8")
    node = shutil.which("node") or "node"
    finished = _subprocess([node, str(DRIVER / "drive.mjs"), str(PARTS), str(job)], seconds)
    if not (job / "result.json").is_file():
        raise _refused(client, f"Node.js failed with code {finished.code}: {finished.last_line}")
    result = json.loads((job / "result.json").read_text("utf-8"))
    if "error" in result:
        raise _refused(client, f"{result['error']} {' '.join(result['messages'][-1:])}")
    return [
        Segmentation(tuple(result["labels"]), *_masks(job / f"out_{index}", found))
        for index, found in enumerate(result["outputs"])
    ]


def _masks(path: Path, found: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = (found["height"], found["width"])
    category = np.fromfile(f"{path}_category", np.uint8).reshape(shape)
    confidence = [
        np.fromfile(f"{path}_confidence_{index}", np.float32).reshape(shape)
        for index in range(found["confidences"])
    ]
    return category, np.stack(confidence), np.fromfile(f"{path}_quality", np.float32)
