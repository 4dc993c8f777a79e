"""Masks as they are stored: their values, their turn, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segnet_tf.data import VOID, open_samples
from segnet_tf.data.masks import read_mask, relabel, require_same_size
from segnet_tf.errors import UserError


def one_line(info) -> str:
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


def exif(orientation):
    found = Image.Exif()
    found[0x0112] = orientation
    return found


VALUES = np.arange(6, dtype=np.uint8).reshape(2, 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(1, VALUES), (3, VALUES[::-1, ::-1]), (6, np.rot90(VALUES, -1)), (8, np.rot90(VALUES))],
)
def test_a_turned_mask_is_read_upright(tmp_path, mode, orientation, upright):
    mask = Image.fromarray(VALUES)
    if mode == "P":
        mask = mask.convert("P")
        mask.putpalette(range(256 * 3 % 256, 255))
    elif mode == "RGB":
        mask = mask.convert("RGB")
    mask.save(tmp_path / "a.png", exif=exif(orientation))
    values = read_mask(tmp_path / "a.png").values
    assert np.array_equal(values[..., 0] if mode == "RGB" else values, upright)


def test_swapped_sizes_say_exif():
    image, mask = np.zeros((4, 2, 3)), np.zeros((2, 4))
    with pytest.raises(UserError) as info:
        require_same_size(image, mask, "a.jpg", "a.png")
    assert "EXIF" in one_line(info) and "a.png" in one_line(info)
    with pytest.raises(UserError) as info:
        require_same_size(image, np.zeros((2, 3)), "a.jpg", "a.png")
    assert "EXIF" not in one_line(info)


def test_relabel_maps_ids_and_names_an_unknown_one():
    table = {0: 0, 7: 1, 11: VOID}
    assert relabel(np.array([[0, 7, 11]]), table, "m.png").tolist() == [[0, 1, VOID]]
    for value in (1, 12, 65535, 2**31 - 1):
        with pytest.raises(UserError) as info:
            relabel(np.array([[0, 7], [value, 0]], np.int32), table, "m.png")
        message = one_line(info)
        assert f"Received: {value} at row 1, column 0 of m.png" in message
        assert "0, 7, 11" in message


@pytest.mark.parametrize("value", [-1, -5, -32768])
def test_negative_values_are_refused_unless_they_are_void(tmp_path, value):
    for folder in ("images/train", "masks/train"):
        (tmp_path / folder).mkdir(parents=True)
    Image.new("RGB", (2, 1)).save(tmp_path / "images/train/a.png")
    Image.fromarray(np.array([[value, 1]], np.int32)).save(tmp_path / "masks/train/a.tif")
    (tmp_path / "classes.txt").write_text("sky\ngrass\ncow\n")
    with pytest.raises(UserError) as info:
        open_samples(tmp_path, "train").read(0)
    assert f"Received: {value} at row 0, column 0" in one_line(info)
    assert f'"{value} void"' in one_line(info) and "a.tif" in one_line(info)
    (tmp_path / "classes.txt").write_text(f"sky\ngrass\ncow\n{value} void\n")
    assert open_samples(tmp_path, "train").read(0)[1].tolist() == [[VOID, 1]]
