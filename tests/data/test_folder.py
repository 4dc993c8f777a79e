"""Any folder of images and masks: both layouts, every class file, ids and colors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from segnet_tf.data import VOID, open_samples
from segnet_tf.data.class_file import load
from segnet_tf.errors import UserError

IDS = np.array([[0, 1], [2, 255]], np.uint8)
SKY, GRASS, COW = (0, 0, 255), (0, 255, 0), (255, 0, 0)


def write(directory, split="train", nested=True, mask=IDS, classes="sky\ngrass\ncow\n"):
    images = directory / (f"{split}/images" if nested else f"images/{split}")
    masks = directory / (f"{split}/masks" if nested else f"masks/{split}")
    images.mkdir(parents=True), masks.mkdir(parents=True)
    Image.new("RGB", (2, 2), (50, 60, 70)).save(images / "p.jpg")
    mask = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
    mask.save(masks / "p.png")
    if classes is not None:
        (directory / "classes.txt").write_text(classes)
    return directory


def error_of(call, *arguments) -> str:
    with pytest.raises(UserError) as info:
        call(*arguments)
    assert "\n" not in str(info.value)
    assert "Received: " in str(info.value)
    return str(info.value)


@pytest.mark.parametrize("nested", [True, False])
def test_both_layouts_are_found(tmp_path, nested):
    write(tmp_path, "train", nested), write(tmp_path, "holiday", nested)
    for split in ("train", "holiday"):
        samples = open_samples(tmp_path, split)
        assert samples.classes.names == ("sky", "grass", "cow")
        assert samples.stems == ("p",)
        image, labels = samples.read(0)
        assert image.shape == (2, 2, 3)
        assert labels.tolist() == [[0, 1], [2, VOID]]
    assert "train, holiday" in error_of(open_samples, tmp_path, "val")


def test_masks_of_colors_and_of_palette_indices(tmp_path):
    legend = "0 0 255 sky\n0 255 0 grass\n255 0 0 cow\n1 2 3 Void\n"
    colors = np.array([[SKY, GRASS], [COW, (1, 2, 3)]], np.uint8)
    write(tmp_path / "rgb", mask=colors, classes=legend)
    samples = open_samples(tmp_path / "rgb", "train")
    assert samples.classes.colors == (SKY, GRASS, COW)
    assert samples.read(0)[1].tolist() == [[0, 1], [2, VOID]]

    rgba = Image.fromarray(colors).convert("RGBA")
    write(tmp_path / "rgba", mask=rgba, classes=legend)
    assert open_samples(tmp_path / "rgba", "train").read(0)[1].tolist() == [[0, 1], [2, VOID]]

    indexed = Image.fromarray(IDS).convert("P")
    indexed.putpalette([7] * 768)
    write(tmp_path / "p", mask=indexed)
    assert open_samples(tmp_path / "p", "train").read(0)[1].tolist() == [[0, 1], [2, VOID]]


def test_a_binary_mask_of_0_and_255(tmp_path):
    mask = np.array([[0, 255], [255, 0]], np.uint8)
    write(tmp_path, mask=mask, classes="0 background\n255 foreground\n")
    assert open_samples(tmp_path, "train").read(0)[1].tolist() == [[0, 1], [1, 0]]


def test_sixteen_bit_ids(tmp_path):
    mask = np.array([[1000, 7], [7, 1000]], np.uint16)
    write(tmp_path, mask=mask, classes="7 sky\n1000 grass\n")
    assert open_samples(tmp_path, "train").read(0)[1].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "# ids\n5 void\n3 sea\n9 dry land\n"),
        ("classes.csv", "Name, id\nvoid, 5\nsea, 3\ndry land, 9\n"),
        (
            "classes.json",
            json.dumps(
                [{"name": n, "id": i} for n, i in (("void", 5), ("sea", 3), ("dry land", 9))]
            ),
        ),
    ],
)
def test_ids_of_every_class_file(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    legend = load(tmp_path / name)
    assert legend.classes.names == ("sea", "dry land")
    assert legend.by_id == {5: VOID, 3: 0, 9: 1, 255: VOID}
    assert legend.by_color == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "0 0 255 sky\n0 255 0 grass\n"),
        ("classes.csv", "\ufeffname,r,g,b\nsky,0,0,255\ngrass,0,255,0\n"),
        ("classes.json", '{"classes": [{"name": "sky", "color": [0, 0, 255]},'
         ' {"name": "grass", "color": "#00ff00"}]}'),
    ],
)  # fmt: skip
def test_colors_of_every_class_file(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    legend = load(tmp_path / name)
    assert legend.classes.colors == (SKY, GRASS)
    assert legend.by_color == {SKY: 0, GRASS: 1}
    assert legend.by_id == {0: 0, 1: 1, 255: VOID}


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("classes.txt", "", "0 names"),
        ("classes.txt", "void\n", "0 names"),
        ("classes.txt", "a\nb\na\n", "'a'"),
        ("classes.txt", "1 a\n1 b\n", "1 again for 'b'"),
        ("classes.txt", "1 1 1 a\n1 1 1 b\n", "(1, 1, 1) again"),
        ("classes.txt", "1 1 1 a\nb\n", "line 2 'b'"),
        ("classes.csv", "title,id\na,1\n", "'title'"),
        ("classes.json", '[{"name": "a", "color": [1, 1, 1]}, "b"]', "1 colors for 2"),
        ("classes.csv", "name,id\na,one\n", "one"),
        ("classes.csv", "name,id\na,-1\n", "-1"),
        ("classes.json", "{", "classes.json"),
        ("classes.json", '{"names": []}', "classes"),
        ("classes.json", '[{"name": 3}]', "3"),
        ("classes.json", "[7]", "classes.json"),
        ("classes.json", '[{"name": "a", "color": [0, 0]}]', "classes.json"),
        ("classes.json", '[{"name": "a", "color": [0, 0, 256]}]', "0..255"),
        ("classes.json", '[{"name": "a", "id": [2]}]', "classes.json"),
    ],
)
def test_wrong_class_files_are_named(tmp_path, name, text, word):
    (tmp_path / name).write_text(text)
    message = error_of(load, tmp_path / name)
    assert word in message
    assert name in message


def test_no_class_file_no_masks_no_images(tmp_path):
    write(tmp_path / "a", classes=None)
    assert "classes.txt" in error_of(open_samples, tmp_path / "a", "train")
    (tmp_path / "b" / "train" / "images").mkdir(parents=True)
    assert "masks" in error_of(open_samples, tmp_path / "b", "train")
    (tmp_path / "b" / "train" / "masks").mkdir()
    (tmp_path / "b" / "classes.txt").write_text("sky\n")
    assert "empty" in error_of(open_samples, tmp_path / "b", "train")


def test_a_missing_pair_is_named_and_a_jpeg_is_no_mask(tmp_path):
    masks = write(tmp_path) / "train" / "masks"
    (masks / "p.png").rename(masks / "p.jpg")
    assert "p.jpg" in error_of(open_samples, tmp_path, "train")


def test_unknown_ids_and_colors_are_named_with_the_file(tmp_path):
    write(tmp_path / "ids", mask=np.array([[0, 3], [1, 2]], np.uint8))
    message = error_of(open_samples(tmp_path / "ids", "train").read, 0)
    assert "3 at row 0, column 1" in message
    assert "p.png" in message

    colors = np.array([[SKY, (9, 9, 9)], [SKY, SKY]], np.uint8)
    write(tmp_path / "rgb", mask=colors, classes="0 0 255 sky\n0 255 0 grass\n")
    message = error_of(open_samples(tmp_path / "rgb", "train").read, 0)
    assert "(9, 9, 9) at row 0, column 1" in message
    assert "p.png" in message

    write(tmp_path / "none", mask=colors)
    assert "colors" in error_of(open_samples(tmp_path / "none", "train").read, 0)


def test_a_mask_of_another_size_is_named(tmp_path):
    write(tmp_path, mask=np.zeros((2, 3), np.uint8))
    message = error_of(open_samples(tmp_path, "train").read, 0)
    assert "3x2" in message
    assert "p.png" in message
