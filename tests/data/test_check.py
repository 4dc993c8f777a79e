"""The report on a folder: everything that is wrong is planted here and must be in it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segnet_tf.data.check import check_data
from segnet_tf.errors import UserError

RNG = np.random.default_rng(0)


def image(path, size=(8, 6), exif=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = RNG.integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(path, **({"exif": exif} if exif else {}))


def mask(path, size=(8, 6), values=(0, 1, 2)):
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.resize(np.array(values, np.uint8), (size[1], size[0]))
    Image.fromarray(labels).save(path)


@pytest.fixture
def data(tmp_path):
    for split, count in (("train", 6), ("val", 2)):
        for number in range(count):
            image(tmp_path / f"images/{split}/{number}.png")
            mask(tmp_path / f"masks/{split}/{number}.png")
    (tmp_path / "classes.txt").write_text("sky\ngrass\ncow\n")
    return tmp_path


def test_a_sound_folder(data):
    report = check_data(data)
    assert report.problems == report.remarks == ()
    assert report.layout[0] == "folder"
    assert [(split.name, split.pairs) for split in report.splits] == [("train", 6), ("val", 2)]
    assert report.splits[0].sizes == {(8, 6): 6}
    assert report.splits[0].modes == {("RGB", "L"): 6}
    assert report.splits[0].census.shares.tolist() == [1 / 3] * 3
    text = report.text()
    assert "6 pairs" in text and "8x6" in text and "33.33 %" in text
    assert text.endswith("nothing looks wrong")
    assert len(report.pictures) == 4
    for picture in report.pictures:
        assert picture.image.shape == (6, 8, 3) and picture.labels.shape == (6, 8)
    assert {picture.name.split("/")[0] for picture in report.pictures} == {"train", "val"}


def test_all_damaged_and_unpaired_files_are_listed(data):
    (data / "images/train/0.png").write_bytes(b"no image")
    (data / "masks/train/0.png").write_bytes(b"no mask")
    (data / "masks/train/1.png").write_bytes(b"")
    (data / "masks/train/2.png").unlink()
    (data / "images/val/0.png").unlink()
    mask(data / "masks/train/3.png", values=(0, 9))
    mask(data / "masks/train/4.png", size=(6, 8))
    report = check_data(data)
    for words in (
        *("images/train/0.png (no image", "masks/train/0.png (no image"),
        *("masks/train/1.png (0 bytes)", "images/train/2.png without", "masks/val/0.png without"),
        *("Received: 9 at row 0", "EXIF"),
    ):
        assert sum(words in problem for problem in report.problems) == 1, words
    assert len(report.problems) == 7
    assert "problems (7)" in report.text()
    assert len(report.pictures) == 2  # those of the pairs that are whole


def test_what_looks_wrong_is_said_with_what_mends_it(data):
    image(data / "images/train/0.png", size=(10, 6))
    mask(data / "masks/train/0.png", size=(10, 6), values=(255,))
    for number in range(1, 6):
        mask(data / f"masks/train/{number}.png", values=(0, 1, 255))
    Image.new("RGB", (8, 6), (1, 0, 1)).save(data / "images/train/1.png")
    exif = Image.Exif()
    exif[0x0112] = 3
    image(data / "images/train/2.png", exif=exif)
    Image.open(data / "images/train/3.png").save(data / "images/val/1.bmp")
    (data / "images/val/1.png").unlink()
    report = check_data(data)
    assert report.problems == ()
    for words in (
        *("no pixel of cow", "% of the pixels of train are void", "--crop"),
        *("nearly black, train/1", "EXIF orientation, train/2"),
        "train/3 and val/1 are the same image",
    ):
        assert sum(words in remark for remark in report.remarks) == 1, words
    assert len(report.remarks) == 6


def test_a_missing_or_ambiguous_class_file_is_a_problem_among_others(data):
    (data / "masks/train/1.png").write_bytes(b"")
    (data / "classes.txt").write_text("sky\n2 wheeler\n")
    report = check_data(data)
    assert report.classes is None and report.pictures == ()
    assert any("line 2 '2 wheeler'" in problem for problem in report.problems)
    assert any("1.png (0 bytes)" in problem for problem in report.problems)
    assert report.splits[0].sizes == {(8, 6): 5}
    assert "line 2" in report.text()


def test_twelve_bits_are_a_problem_that_a_range_mends(data):
    for path in (data / "images").rglob("*.png"):
        Image.fromarray(RNG.integers(0, 4096, (6, 8), np.uint16)).save(path)
    assert any("--image-range 4095" in problem for problem in check_data(data).problems)
    assert check_data(data, image_range=4095).problems == ()


def test_a_flat_folder_gets_its_val_and_no_layout_is_an_error(data, tmp_path_factory):
    flat = tmp_path_factory.mktemp("flat")
    for number in range(10):
        image(flat / f"images/{number}.png")
        mask(flat / f"masks/{number}.png")
    (flat / "classes.txt").write_text("sky\ngrass\ncow\n")
    assert [split.name for split in check_data(flat).splits] == ["train", "val"]
    with pytest.raises(UserError):
        check_data(tmp_path_factory.mktemp("empty"))
    for folder in ("images/val", "masks/val"):
        for path in (data / folder).iterdir():
            path.unlink()
        (data / folder).rmdir()
    assert any("--val-share 0.2" in remark for remark in check_data(data).remarks)


def test_camvid_is_sound(camvid_dir, tmp_path):
    for folder in ("train", "trainannot", "val", "valannot"):
        (tmp_path / folder).mkdir()
        for path in sorted((camvid_dir / folder).iterdir())[::20]:
            (tmp_path / folder / path.name).symlink_to(path)
    report = check_data(tmp_path)
    assert report.problems == report.remarks == ()
    assert [split.pairs for split in report.splits] == [19, 6]
