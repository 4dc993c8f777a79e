"""`segnet-tf check-data`: what it prints, writes and returns for good and for bad data."""

from __future__ import annotations

import json

import data_trees
import numpy as np
import pytest
from PIL import Image

from segnet_tf.cli.main import main


@pytest.fixture
def data(tmp_path):
    """Two pairs a split of 2x2 pixels: a quarter sky, half grass, a quarter cow."""
    root = tmp_path / "mydata"
    for split in ("train", "val"):
        for number in range(2):
            data_trees.image(root / "images" / split / f"{split}{number}.png")
            data_trees.mask(root / "masks" / split / f"{split}{number}.png")
    # Other pixels, or an image would be in both splits.
    for index, path in enumerate(sorted((root / "images").rglob("*.png"))):
        Image.new("RGB", (2, 2), (50 + index, 90, 130)).save(path)
    data_trees.names(root)
    return root


def test_good_data(data, tmp_path, capsys):
    pictures, report = tmp_path / "pairs.png", tmp_path / "report.json"
    command = ["check-data", str(data), "--pictures", str(pictures), "--json", str(report)]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "nothing looks wrong" in printed.out and "4 pairs drawn in" in printed.out
    assert [line.split() for line in printed.out.splitlines() if line.startswith("grass")] == [
        ["grass", "50.00", "%", "50.00", "%"]
    ]
    assert json.loads(report.read_text()) == {
        "data": str(data),
        "layout": "folder",
        "classes": ["sky", "grass", "cow"],
        "splits": {
            split: {
                "pairs": 2,
                "sizes": {"2x2": 2},
                "modes": {"RGB L": 2},
                "pixels": {"sky": 2, "grass": 4, "cow": 2},
                "void": 0,
            }
            for split in ("train", "val")
        },
        "problems": [],
        "remarks": [],
    }
    with Image.open(pictures) as picture:
        assert picture.format == "PNG" and min(picture.size) > 300
    assert main(command) == 2  # nothing is replaced unasked
    assert "--overwrite" in capsys.readouterr().err


def test_bad_data(data, tmp_path, capsys):
    (data / "masks" / "train" / "train0.png").write_bytes(b"no image")
    (data / "masks" / "val" / "val1.png").unlink()
    report = tmp_path / "report.json"
    assert main(["check-data", str(data), "--json", str(report)]) == 1
    printed = capsys.readouterr().out
    assert "problems (2)" in printed and "train0.png" in printed and "val1" in printed
    assert len(json.loads(report.read_text())["problems"]) == 2


def test_what_only_looks_wrong_can_be_trained_on(data, capsys):
    for path in (data / "masks").rglob("*.png"):
        data_trees.mask(path, [[0, 1], [0, 1]])
    assert main(["check-data", str(data)]) == 0
    assert "no pixel of cow" in capsys.readouterr().out


def test_how_to_read_is_passed_on(data, tmp_path, capsys):
    for path in (data / "images").rglob("*.png"):
        Image.fromarray(np.full((2, 2), 4000, np.uint16)).save(path)
    assert main(["check-data", str(data)]) == 1
    assert "--image-range 4095" in capsys.readouterr().out
    assert main(["check-data", str(data), "--image-range", "4095", "--layout", "folder"]) == 0
    assert main(["check-data", str(data), "--layout", "voc"]) == 2
    assert "JPEGImages/" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nowhere"], [], ["--picture", "x.png", "nowhere"]])
def test_wrong_arguments_are_one_line(arguments, capsys):
    assert main(["check-data", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("segnet-tf: ") and error.count("\n") == 1
