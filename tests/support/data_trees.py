"""Small data sets in the layouts that people have, made where a test asks for them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segnet_tf.data import open_source
from segnet_tf.errors import UserError

COLORS = {"sky": (0, 0, 200), "grass": (0, 200, 0), "cow": (200, 0, 0)}
IDS = [[0, 1], [2, 1]]


def image(path, size=(2, 2)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (len(path.stem), 9, 9)).save(path)


def mask(path, values=IDS):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, np.uint8)).save(path)


def colored(path):
    mask(path, np.array(list(COLORS.values()), np.uint8)[np.array(IDS)])


def names(directory, text="sky\ngrass\ncow\n", file="classes.txt"):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / file).write_text(text)


def refusal(call) -> str:
    with pytest.raises(UserError) as info:
        call()
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


def make_flat(root, images="images", masks="masks", mask_name="{}.png"):
    for number in range(40):
        image(root / images / f"p{number:02d}.jpg")
        mask(root / masks / mask_name.format(f"p{number:02d}"))
    names(root)


def make_folder(root):
    for split in ("train", "valid"):
        for city in ("ulm", "bonn"):
            image(root / f"images/{split}/{city}/1.jpg")
            mask(root / f"masks/{split}/{city}/1.png")
    names(root)


def make_beside(root):
    for split in ("train", "valid"):
        for stem in ("a", "b"):
            image(root / split / f"{stem}.jpg")
            mask(root / split / f"{stem}_mask.png")
        names(root / split, "Pixel Value, Class\n0, sky\n1, grass\n2, cow\n", "_classes.csv")


def make_kaggle(root):
    for split in ("train", "val"):
        for stem in ("a", "b"):
            image(root / split / f"{stem}.png")
            colored(root / f"{split}_labels" / f"{stem}_L.png")
    rows = [f"{name},{r},{g},{b}\n" for name, (r, g, b) in COLORS.items()]
    names(root, "name,r,g,b\n" + "".join(rows), "class_dict.csv")


def make_voc(root):
    for stem in ("a", "b", "c", "without_mask"):
        image(root / "JPEGImages" / f"{stem}.jpg")
    for stem in ("a", "b", "c"):
        colored(root / "SegmentationClass" / f"{stem}.png")
        colored(root / "SegmentationObject" / f"{stem}.png")
    names(root / "ImageSets/Segmentation", "a\nb\n", "train.txt")
    names(root / "ImageSets/Segmentation", "c\n", "val.txt")
    lines = [f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in COLORS.items()]
    names(root, "# label:color_rgb:parts:actions\n" + "".join(lines), "labelmap.txt")


def make_camvid(root):
    for split in ("train", "val"):
        image(root / split / "a.png")
        mask(root / f"{split}annot" / "a.png")


def splits_of(data, **reading):
    """Name -> samples of every split of a folder."""
    source = open_source(data, **reading)
    return {name: source.samples(name) for name in source.splits}
