"""Small data sets of synthetic scenes for the READMEs' commands, and a process to run those in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from checkout_files import ROOT
from PIL import Image

from segnet_tf.data import camvid
from segnet_tf.data.classes import Color
from segnet_tf.data.scenes import synthetic

# Few and small scenes are far from CamVid: an int8 file of the shipped weights may then lose
# more than the 2 points of mIoU that its check allows. On these it is some tenths of a point.
SIZE = (192, 256)
COUNTS = {"train": 4, "val": 4, "test": 1}


def scene(index: int) -> tuple[np.ndarray, np.ndarray]:
    """RGB image and class ids, void 255."""
    image, labels = synthetic.scene(index, SIZE)
    return np.asarray(image), np.asarray(labels)


def make_camvid(folder: Path) -> None:
    """CamVid as SegNet's authors have it: `train`, `trainannot` and so on, void 11."""
    index = 0
    for split, count in COUNTS.items():
        for name in (split, f"{split}annot"):
            (folder / name).mkdir(parents=True)
        for _ in range(count):
            image, labels = scene(index)
            labels = np.where(labels == 255, len(camvid.CLASSES.names), labels).astype(np.uint8)
            Image.fromarray(image).save(folder / split / f"{index}.png")
            Image.fromarray(labels).save(folder / f"{split}annot" / f"{index}.png")
            index += 1


def make_photos(folder: Path) -> None:
    """Two photos, one of them upright."""
    folder.mkdir(parents=True)
    image, _ = scene(0)
    Image.fromarray(image).save(folder / "a.jpg")
    Image.fromarray(image.transpose(1, 0, 2)).save(folder / "b.jpg")


def make_tree(tree: str, folder: Path, values: Sequence[int | Color]) -> list[Path]:
    """Makes the folders that a README's tree shows, and the pictures named behind them.

    Args:
        tree: lines such as "│   ├── train/    a.jpg  b.jpg  ...".
        folder: where to make it.
        values: what the masks hold from left to right, class ids or colors.

    Returns:
        The files of the tree that are no pictures; they are not made.
    """
    parents: list[str] = []
    others = []
    for line in tree.splitlines():
        lead, name, rest = re.match(r"([│├└─ ]*)(\S+)(.*)", line).groups()
        parents[len(lead) // 4 :] = [name.rstrip("/")]
        path = folder.joinpath(*parents)
        if not name.endswith("/"):
            others.append(path)
            continue
        path.mkdir(parents=True, exist_ok=True)
        for file in _files(rest.split()):
            _picture(file, values).save(path / file)
    return others


def _files(names: list[str]) -> list[str]:
    """What a folder of a tree holds: "..." stands for three more like the first."""
    if names[-1:] != ["..."]:
        return names
    first = Path(names[0])
    return names[:-1] + [f"{first.stem}_{number}{first.suffix}" for number in range(3)]


def _picture(name: str, values: Sequence[int | Color]) -> Image.Image:
    if name.endswith(".jpg"):
        return Image.fromarray(scene(sum(name.encode()))[0])
    column = np.arange(SIZE[1]) * len(values) // SIZE[1]
    return Image.fromarray(np.array([values] * SIZE[0], np.uint8)[:, column])


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a README's command in a fresh process whose current folder is `folder`."""
    if words[0] == "segnet-tf":
        start = ["-m", "segnet_tf"]
    else:  # python export/tflite.py
        start, words = [str(ROOT / words[1])], words[1:]
    return run_python([*start, *words[1:]], folder)


def run_python(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs this Python with these arguments."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
