"""Which mask belongs to which image: by name, by one rule of endings, in nested folders."""

from __future__ import annotations

import unicodedata

import pytest

from segnet_tf.data.pairing import pair_folders
from segnet_tf.errors import UserError


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(tmp_path, images, masks):
    pairing = pair_folders(make(tmp_path / "i", *images), make(tmp_path / "m", *masks))
    return pairing


def names(pairing):
    return [(image.name, mask.name) for image, mask in pairing.complete()]


def refusal(pairing) -> str:
    with pytest.raises(UserError) as info:
        pairing.complete()
    message = str(info.value)
    assert "\n" not in message and "Received: " in message
    assert message == pairing.problems[0]
    return message


def test_pairs_must_be_complete_and_single(tmp_path):
    pairing = found(tmp_path, ["b.jpg", "a.png", "._a.png", "notes.txt"], ["b.png", "a.png"])
    assert names(pairing) == [("a.png", "a.png"), ("b.jpg", "b.png")]
    assert pairing.stems == ("a", "b")
    pairing = found(tmp_path, [], ["c.png", "d.png"])
    assert "c.png" in refusal(pairing)
    assert "d.png" in pairing.problems[1]  # all of them are listed
    make(tmp_path / "i", "c.png", "d.png", "e.png")
    assert "e.png" in refusal(pair_folders(tmp_path / "i", tmp_path / "m"))
    (tmp_path / "i" / "e.png").unlink()
    make(tmp_path / "i", "b.png")
    assert "b.png" in refusal(pair_folders(tmp_path / "i", tmp_path / "m"))


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{}.jpg", "{}_mask.png"),
        ("{}.png", "{}_L.png"),
        ("{}.png", "{}_P.png"),
        ("{}.png", "{}_label.png"),
        ("{}.png", "{}_seg.png"),
        ("{}_leftImg8bit.png", "{}_gtFine_labelIds.png"),
        ("{}_sat.jpg", "{}_mask.png"),
        ("{}_image.png", "{}.png"),
        ("{}.jpg", "{}_Mask.PNG"),
    ],
)
def test_endings_pair_by_one_rule(tmp_path, image, mask):
    stems = ("x_1", "y_mask_2")
    pairing = found(tmp_path, map(image.format, stems), map(mask.format, stems))
    assert names(pairing) == [(image.format(stem), mask.format(stem)) for stem in stems]


def test_a_missing_mask_of_a_rule_is_named(tmp_path):
    pairing = found(tmp_path, ["a.jpg", "b.jpg", "c.jpg"], ["a_mask.png", "b_mask.png"])
    assert "c.jpg" in refusal(pairing) and "c_mask.png" in refusal(pairing)
    assert len(pairing.problems) == 1


def test_two_rules_are_refused(tmp_path):
    masks = ["a_mask.png", "b_mask.png", "a_label.png", "b_label.png"]
    message = refusal(found(tmp_path, ["a.jpg", "b.jpg"], masks))
    assert "a_mask.png" in message and "a_label.png" in message


def test_other_files_beside_the_masks_are_named(tmp_path):
    pairing = found(tmp_path, ["a.jpg"], ["a.png", "a_color.png"])
    assert "a_color.png" in refusal(pairing)


def test_nested_folders_pair_by_their_path(tmp_path):
    files = ["ulm/1.png", "bonn/1.png", "bonn/2.png"]
    pairing = found(tmp_path, files, files)
    assert pairing.stems == ("bonn/1", "bonn/2", "ulm/1")
    assert all(image.parent.name == mask.parent.name for image, mask in pairing.complete())
    (tmp_path / "m" / "ulm" / "1.png").unlink()
    assert "ulm" in refusal(pair_folders(tmp_path / "i", tmp_path / "m"))


def test_composed_and_decomposed_names_pair(tmp_path):
    composed = unicodedata.normalize("NFC", "café")
    pairing = found(
        tmp_path, [f"{composed}.jpg"], [unicodedata.normalize("NFD", composed) + ".png"]
    )
    assert len(pairing.complete()) == 1


def test_names_that_look_alike_are_shown_apart(tmp_path):
    composed = unicodedata.normalize("NFC", "café")
    pairing = found(
        tmp_path,
        [f"{composed}.jpg", unicodedata.normalize("NFD", composed) + ".jpg"],
        [f"{composed}.png"],
    )
    assert r"caf\xe9" in refusal(pairing) and r"cafe\u0301" in refusal(pairing)


def test_a_jpeg_mask_is_said_to_be_one(tmp_path):
    assert "JPEG" in refusal(found(tmp_path, ["a.jpg"], ["a.jpg"]))
