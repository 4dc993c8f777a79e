"""What the values of masks mean is decided once for a data set, by its class file and masks."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segnet_tf.data import VOID, open_samples
from segnet_tf.errors import UserError

TWO = "background\nroad\n"
THREE = "background\nroad\ncar\n"
COLORS = "0 0 0 background\n128 64 128 road\n"
PATTERN = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)


def voc_palette():
    """The palette of Pascal VOC's masks, by its published bit rule."""
    colors = np.zeros((256, 3), np.uint8)
    for index in range(256):
        for bit in range(8):
            for channel in range(3):
                colors[index, channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return colors


def indexed(values, colors):
    mask = Image.fromarray(np.array(values, np.uint8)).convert("P")
    mask.putpalette(np.array(colors, np.uint8).ravel().tolist())
    return mask


def gray(values):
    return Image.fromarray(np.array(values, np.uint8))


def write(directory, masks, classes, split="train"):
    images, folder = directory / f"images/{split}", directory / f"masks/{split}"
    images.mkdir(parents=True), folder.mkdir(parents=True)
    for number, mask in enumerate(masks):
        Image.new("RGB", mask.size).save(images / f"{number:03d}.png")
        mask.save(folder / f"{number:03d}.png")
    (directory / "classes.txt").write_text(classes)
    return directory


def labels(directory, split="train"):
    samples = open_samples(directory, split)
    return [samples.read(index)[1].tolist() for index in range(len(samples))]


def refusal(call) -> str:
    with pytest.raises(UserError) as info:
        call()
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


GRAYS = [(i, i, i) for i in range(256)]
BINARY = {
    "bits": Image.fromarray(PATTERN.astype(bool)),
    "gray": gray(PATTERN * 255),
    "gray ids": gray(PATTERN),
    "rgb": gray(PATTERN * 255).convert("RGB"),
    "rgba": gray(PATTERN * 255).convert("RGBA"),
    "rgb ids": gray(PATTERN).convert("RGB"),
    "sixteen bits": Image.fromarray(PATTERN.astype(np.uint16) * 255),
    "palette of grays": indexed(PATTERN * 255, GRAYS),
    "black and white palette": indexed(PATTERN, [(0, 0, 0), (255, 255, 255)]),
    "white and black palette": indexed(1 - PATTERN, [(255, 255, 255), (0, 0, 0)]),
    "VOC palette": indexed(PATTERN, voc_palette()),
}


@pytest.mark.parametrize("kind", BINARY)
def test_two_classes_in_every_mode(tmp_path, kind):
    write(tmp_path, [BINARY[kind]] * 2, TWO)
    assert labels(tmp_path) == [PATTERN.tolist()] * 2


BLACK_WHITE = "0 0 0 background\n255 255 255 road\n"


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        *((kind, COLORS) for kind in ("bits", "gray", "black and white palette")),
        *((kind, BLACK_WHITE) for kind in ("bits", "gray", "black and white palette", "rgb")),
    ],
)
def test_two_classes_with_colors_in_every_mode(tmp_path, kind, classes):
    write(tmp_path, [BINARY[kind]], classes)
    assert labels(tmp_path) == [PATTERN.tolist()]


def test_an_all_background_mask_is_no_other_kind(tmp_path):
    masks = [gray(PATTERN * 0), gray(PATTERN * 255), Image.fromarray(PATTERN.astype(bool))]
    write(tmp_path, masks, TWO)
    assert labels(tmp_path) == [(PATTERN * 0).tolist(), PATTERN.tolist(), PATTERN.tolist()]


def test_all_splits_have_one_meaning(tmp_path):
    write(tmp_path, [gray(PATTERN * 255)], TWO)
    write(tmp_path, [gray(PATTERN * 0 + 255)], TWO, "val")
    assert labels(tmp_path, "val") == [(PATTERN * 0 + 1).tolist()]
    (tmp_path / "masks/val/000.png").unlink()
    gray(PATTERN).save(tmp_path / "masks/val/000.png")  # 0 and 1 here, 0 and 255 there
    for split in ("train", "val"):
        assert "255" in refusal(lambda split=split: labels(tmp_path, split))


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([[0, 255]], THREE),
        ([[0, 255]], "road\n"),
        ([[0, 1, 255]], TWO),
        ([[0, 255]], "0 background\n1 road\n"),
        ([[0, 255]], "road\nbackground\n"),
        ([[0, 255]], "128 64 128 road\n0 0 128 car\n0 0 0 background\n"),
    ],
)
def test_what_is_ambiguous_stops_with_two_ways_out(tmp_path, values, classes):
    write(tmp_path, [gray(values)] * 2, classes)
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert '"255 void"' in message and "the id 255" in message
    assert "classes.txt" in message


@pytest.mark.parametrize(
    ("values", "classes", "expected"),
    [
        ([[0, 1, 255]], TWO + "255 void\n", [[0, 1, VOID]]),
        ([[0, 255]], TWO + "255 void\n", [[0, VOID]]),
        ([[0, 255]], "0 background\n255 road\n", [[0, 1]]),
        ([[0, 1, 255]], "0 background\n1 road\n", [[0, 1, VOID]]),
        ([[0, 255, 2]], THREE, [[0, VOID, 2]]),
        ([[0, 1, 255]], "0 background\n255 road\n1 void\n", [[0, VOID, 1]]),
    ],
)
def test_both_ways_out_work(tmp_path, values, classes, expected):
    write(tmp_path, [gray(values)], classes)
    assert labels(tmp_path) == [expected]


def test_a_later_contradiction_names_its_file(tmp_path):
    # 100 masks, of which a sample is looked at: number 1 is not among them.
    masks = [gray(PATTERN * 255)] * 100
    masks[1] = gray(PATTERN * 7)
    write(tmp_path / "a", masks, TWO)
    message = refusal(lambda: labels(tmp_path / "a"))
    assert "001.png" in message and "7" in message

    masks = [gray(PATTERN)] * 100
    masks[1] = gray(PATTERN * 255)
    write(tmp_path / "b", masks, TWO)
    message = refusal(lambda: labels(tmp_path / "b"))
    assert "001.png" in message and '"255 void"' in message


def test_colors_decide_where_the_palette_holds_them(tmp_path):
    # The palette has another order than the class file; each file may have its own.
    first = indexed(PATTERN, [(128, 64, 128), (0, 0, 0)])
    second = indexed(PATTERN + 4, [(9, 9, 9)] * 4 + [(128, 64, 128), (0, 0, 0)])
    rgb = first.convert("RGB")
    write(tmp_path, [first, second, rgb], COLORS)
    assert labels(tmp_path) == [(1 - PATTERN).tolist()] * 3


def test_voc_files_are_read_by_both(tmp_path):
    mask = indexed([[0, 1, 255], [2, 0, 1]], voc_palette())
    expected = [[0, 1, VOID], [2, 0, 1]]
    write(tmp_path / "names", [mask], "background\naeroplane\nbicycle\n")
    assert labels(tmp_path / "names") == [expected]
    write(tmp_path / "two", [indexed([[0, 1, 255]], voc_palette())], "background\naeroplane\n")
    assert labels(tmp_path / "two") == [[[0, 1, VOID]]]
    colors = "0 0 0 background\n128 0 0 aeroplane\n0 128 0 bicycle\n"
    write(tmp_path / "colors", [mask], colors)
    assert labels(tmp_path / "colors") == [expected]
    write(tmp_path / "void", [mask], colors + "224 224 192 void\n")
    assert labels(tmp_path / "void") == [expected]


def test_indices_decide_where_the_palette_does_not_know_the_colors(tmp_path):
    other = [(0, 0, 0), (0, 200, 0), (200, 0, 0)]
    write(tmp_path / "other", [indexed([[0, 1, 2]], other)], "0 0 0 a\n1 2 3 b\n4 5 6 c\n")
    assert labels(tmp_path / "other") == [[[0, 1, 2]]]
    same = [(0, 0, 0)] * 3  # a palette that tells nothing apart
    write(tmp_path / "same", [indexed([[0, 1, 2]], same)], "0 0 0 a\n1 2 3 b\n4 5 6 c\n")
    assert labels(tmp_path / "same") == [[[0, 1, 2]]]


def test_a_palette_that_contradicts_the_indices_is_refused(tmp_path):
    swapped = [(1, 2, 3), (0, 0, 0), (200, 0, 0)]
    write(tmp_path, [indexed([[0, 1, 2]], swapped)], "0 0 0 a\n1 2 3 b\n4 5 6 c\n")
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert "000.png" in message and "palette" in message and "(200, 0, 0)" in message


def test_gray_masks_of_gray_class_colors(tmp_path):
    classes = "0 0 0 a\n128 128 128 b\n255 255 255 c\n"
    write(tmp_path, [gray([[0, 128, 255]])], classes)
    assert labels(tmp_path) == [[[0, 1, 2]]]
