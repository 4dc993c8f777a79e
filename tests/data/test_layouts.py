"""Data as people have it: every layout by a small tree, found by itself and by name."""

from __future__ import annotations

import pytest
from data_trees import (
    COLORS,
    IDS,
    image,
    make_beside,
    make_camvid,
    make_flat,
    make_folder,
    make_kaggle,
    make_voc,
    mask,
    names,
    refusal,
)

from segnet_tf.data import open_folder, open_samples
from segnet_tf.data.layouts import LAYOUTS


@pytest.mark.parametrize(
    ("make", "layout", "splits"),
    [
        (make_flat, "flat", ("train", "val")),
        (make_folder, "folder", ("train", "valid")),
        (make_beside, "beside", ("train", "valid")),
        (make_kaggle, "kaggle", ("train", "val")),
        (make_voc, "voc", ("train", "val")),
        (make_camvid, "camvid", ("train", "val")),
    ],
)
def test_a_layout_is_found_and_read(tmp_path, make, layout, splits):
    make(tmp_path)
    folder = open_folder(tmp_path)
    assert (folder.layout.name, folder.splits) == (layout, splits)
    for asked, own in zip(("training", "validation"), splits, strict=True):
        samples = open_samples(tmp_path, asked)
        assert samples.split == own
        assert samples.read(len(samples) - 1)[1].tolist() == IDS
        if layout != "camvid":
            assert samples.classes.names == tuple(COLORS)
    assert open_folder(tmp_path, layout=layout).splits == splits


@pytest.mark.parametrize("images", ["images", "imgs", "Images", "JPEGImages"])
@pytest.mark.parametrize("masks", ["masks", "labels", "annotations", "SegmentationClass"])
def test_flat_folders_under_any_name(tmp_path, images, masks):
    make_flat(tmp_path, images, masks, "{}_mask.png")
    found = [open_samples(tmp_path, split) for split in ("train", "val")]
    assert sum(map(len, found)) == 40
    assert found[0].read(0)[1].tolist() == IDS


def test_folders_of_text_are_no_masks(tmp_path):
    make_flat(tmp_path, masks="masks")
    names(tmp_path / "labels", "0 0.5 0.5 1 1", "p00.txt")  # YOLO's boxes
    names(tmp_path / "annotations", "{}", "instances.json")  # COCO's
    assert len(open_samples(tmp_path, "train")) > 0
    mask(tmp_path / "labels" / "p00.png")
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert "labels" in message and "masks" in message


def test_flat_folders_take_lists_of_names(tmp_path):
    make_flat(tmp_path)
    names(tmp_path, "p03\np01.jpg\nimages/p02.jpg\n", "train.txt")
    names(tmp_path, "p04\n", "valid.txt")
    assert open_samples(tmp_path, "train").stems == ("p03", "p01", "p02")
    assert open_samples(tmp_path, "val").stems == ("p04",)
    names(tmp_path, "p04\np99\n", "valid.txt")
    message = refusal(lambda: open_samples(tmp_path, "val"))
    assert "p99" in message and "line 2" in message


def test_nested_folders_keep_their_path(tmp_path):
    make_folder(tmp_path)
    assert open_samples(tmp_path, "train").stems == ("bonn/1", "ulm/1")
    flat = tmp_path / "flat"
    for city in ("ulm", "bonn"):
        image(flat / f"images/{city}/1.jpg")
        mask(flat / f"masks/{city}/1.png")
    names(flat)
    assert open_folder(flat).layout.name == "flat"
    stems = {stem for split in ("train", "val") for stem in open_samples(flat, split).stems}
    assert stems == {"bonn/1", "ulm/1"}


def test_masks_beside_images_in_one_folder(tmp_path):
    for number in range(10):
        image(tmp_path / f"{number}_sat.jpg")
        mask(tmp_path / f"{number}_mask.png")
    names(tmp_path)
    found = [open_samples(tmp_path, split) for split in ("train", "val")]
    assert sum(map(len, found)) == 10
    assert found[0].read(0)[1].tolist() == IDS


def test_an_export_of_cvat(tmp_path):
    make_voc(tmp_path)
    for path in (tmp_path / "ImageSets/Segmentation").iterdir():
        path.unlink()
    names(tmp_path / "ImageSets/Segmentation", "a\nb\nc\n", "default.txt")
    assert open_folder(tmp_path).splits == ("train", "val")
    (tmp_path / "JPEGImages").rename(tmp_path / "elsewhere")
    assert "JPEGImages" in refusal(lambda: open_samples(tmp_path, "train"))


def test_two_layouts_are_refused(tmp_path):
    make_folder(tmp_path)
    make_kaggle(tmp_path)
    (tmp_path / "classes.txt").unlink()
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert "'folder'" in message and "'kaggle'" in message and "layout=" in message
    assert open_samples(tmp_path, "train", layout="kaggle").stems == ("a", "b")
    assert "beside" in refusal(lambda: open_folder(tmp_path, layout="nested"))


def test_no_layout_says_what_is_there_and_what_is_near(tmp_path):
    image(tmp_path / "images/a.png")
    names(tmp_path)
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert "images/" in message and "1 file" in message and "'flat'" in message
    make_folder(tmp_path / "archive" / "data")
    assert f"pass {tmp_path / 'archive' / 'data'}" in refusal(
        lambda: open_samples(tmp_path / "archive", "train")
    )


@pytest.mark.parametrize("layout", [layout.name for layout in LAYOUTS])
def test_a_layout_asked_for_that_is_not_there_is_one_line(tmp_path, layout):
    names(tmp_path)
    refusal(lambda: open_samples(tmp_path, "train", layout=layout))


def test_two_class_files_must_agree(tmp_path):
    make_flat(tmp_path)
    names(tmp_path, "name,id\nsky,0\ngrass,1\ncow,2\n", "classes.csv")
    open_samples(tmp_path, "train")
    names(tmp_path, "cow\nsky\ngrass\n", "labels.txt")
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert "labels.txt" in message
