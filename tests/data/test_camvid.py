"""The CamVid reader, on a small one drawn here and on the real one where it is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segnet_tf.data import VOID, open_folder, open_samples
from segnet_tf.errors import UserError

MASK = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], np.uint8)
LABELS = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, VOID]]


def write_pair(image_dir, mask_dir, name, mask=MASK, size=(4, 3)):
    image_dir.mkdir(parents=True, exist_ok=True)
    mask_dir.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 8, 7)).save(image_dir / f"{name}.png")
    Image.fromarray(mask).save(mask_dir / f"{name}.png")


@pytest.fixture
def tiny(tmp_path):
    for name in ("b", "a"):
        write_pair(tmp_path / "train", tmp_path / "trainannot", name)
    return tmp_path


def error_of(call, *arguments) -> str:
    with pytest.raises(UserError) as info:
        call(*arguments)
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


def test_folders_are_read_and_void_becomes_255(tiny):
    samples = open_samples(tiny, "train")
    assert (samples.source, samples.split, samples.stems) == ("camvid", "train", ("a", "b"))
    image, labels = samples.read(0)
    assert image.dtype == labels.dtype == np.uint8
    assert image.tolist() == [[[9, 8, 7]] * 4] * 3
    assert labels.tolist() == LABELS


def test_the_tutorials_list_is_read_in_its_order_below_the_folder(tiny):
    lines = [f"/SegNet/CamVid/train/{n}.png /SegNet/CamVid/trainannot/{n}.png" for n in "ba"]
    (tiny / "train.txt").write_text("\n".join(lines) + "\n\n")
    samples = open_samples(tiny, "train")
    assert samples.stems == ("b", "a")
    assert samples.read(1)[1].tolist() == LABELS


def test_a_list_alone_makes_a_camvid_with_other_folder_names(tmp_path):
    write_pair(tmp_path / "pictures", tmp_path / "truth", "x")
    (tmp_path / "val.txt").write_text("pictures/x.png truth/x.png\n")
    assert open_folder(tmp_path).splits == ("val",)
    assert open_samples(tmp_path, "val").read(0)[1].tolist() == LABELS


def test_wrong_lists_are_refused(tiny):
    (tiny / "train.txt").write_text("train/a.png trainannot/a.png\ntrain/a.png\n")
    assert "line 2" in error_of(open_samples, tiny, "train")
    (tiny / "train.txt").write_text("train/a.png trainannot/gone.png\n")
    assert "gone.png" in error_of(open_samples, tiny, "train")
    (tiny / "train.txt").write_text("\n")
    assert "empty" in error_of(open_samples, tiny, "train")
    (tiny / "train.txt").write_bytes(b"\xff\xfe\x00\x80")
    assert "train.txt" in error_of(open_samples, tiny, "train")


def test_a_missing_mask_or_image_is_named(tiny):
    (tiny / "trainannot" / "a.png").unlink()
    message = error_of(open_samples, tiny, "train")
    assert str(tiny / "train" / "a.png") in message
    (tiny / "train" / "a.png").unlink()
    (tiny / "train" / "b.png").unlink()
    assert str(tiny / "trainannot" / "b.png") in error_of(open_samples, tiny, "train")


def test_a_missing_or_empty_split_is_refused(tiny):
    message = error_of(open_samples, tiny, "test")
    assert "'test'" in message
    assert "train" in message
    (tiny / "val").mkdir()
    (tiny / "valannot").mkdir()
    assert "empty" in error_of(open_samples, tiny, "val")
    (tiny / "val").rmdir()
    assert str(tiny / "val") in error_of(open_samples, tiny, "val")


@pytest.mark.parametrize("value", [12, 77, 255])
def test_an_unknown_id_is_named_with_its_file(tiny, value):
    mask = MASK.copy()
    mask[2, 1] = value
    Image.fromarray(mask).save(tiny / "trainannot" / "a.png")
    message = error_of(open_samples(tiny, "train").read, 0)
    assert f"{value} at row 2, column 1" in message
    assert str(tiny / "trainannot" / "a.png") in message


def test_a_mask_of_another_size_and_a_colored_one_are_named(tiny):
    Image.fromarray(MASK[:2]).save(tiny / "trainannot" / "a.png")
    message = error_of(open_samples(tiny, "train").read, 0)
    assert "4x2" in message
    assert "4x3" in message
    Image.new("RGB", (4, 3), "red").save(tiny / "trainannot" / "a.png")
    assert "color" in error_of(open_samples(tiny, "train").read, 0)


def test_the_real_splits_have_the_published_sizes_and_shares(camvid_dir):
    """Pixel shares as the data set's own description gives them, every third image read."""
    published = {
        "train": (367, [16.85, 23.26, 0.98, 31.66, 4.49, 9.72, 1.17, 1.13, 5.87, 0.64, 0.29]),
        "val": (101, [9.18, 25.96, 0.56, 28.95, 8.72, 16.34, 0.89, 3.08, 1.75, 0.65, 2.22]),
    }
    for split, (count, shares) in published.items():
        samples = open_samples(camvid_dir, split)
        assert len(samples) == count
        pixels = np.zeros(256, np.int64)
        for index in range(0, count, 3):
            image, labels = samples.read(index)
            assert image.shape == (360, 480, 3)
            pixels += np.bincount(labels.ravel(), minlength=256)
        found = 100 * pixels[: len(shares)] / pixels.sum()
        np.testing.assert_allclose(found, shares, atol=0.35)
        assert 0 < pixels[VOID]
        assert pixels[len(shares) : VOID].sum() == 0
