"""Splits by any of their names, and a validation split drawn from names."""

from __future__ import annotations

from pathlib import Path

import data_trees
import pytest

from segnet_tf.data import open_samples
from segnet_tf.data.pairing import Pairing
from segnet_tf.data.splits import beginning_with, in_order, resolve, with_val
from segnet_tf.errors import UserError

HERE = Path("data")


def listing(*stems):
    pairs = tuple((Path(f"{stem}.jpg"), Path(f"{stem}.png")) for stem in stems)
    return lambda: Pairing(pairs, stems)


def drawn(stems, share=0.2, seed=0):
    splits = with_val({"all": listing(*stems)}, share, seed, HERE)
    return {name: set(part().stems) for name, part in splits.items()}


def refusal(call) -> str:
    with pytest.raises(UserError) as info:
        call()
    message = str(info.value)
    assert "\n" not in message and "Received: " in message
    return message


NAMES = [f"frame_{number:04d}" for number in range(1000)]


def test_train_and_val_are_a_partition_of_the_share_asked_for():
    splits = drawn(NAMES)
    assert splits["train"] | splits["val"] == set(NAMES)
    assert not splits["train"] & splits["val"]
    assert 160 <= len(splits["val"]) <= 240  # 200 and three standard deviations
    assert len(drawn(NAMES, 0.5)["val"]) > 400
    assert drawn(NAMES) == splits != drawn(NAMES, seed=1)


def test_a_new_file_moves_no_other():
    before, after = drawn(NAMES), drawn([*NAMES, "another", "and_one_more"])
    assert before["val"] <= after["val"] and before["train"] <= after["train"]


def test_the_split_is_the_same_on_every_machine():
    assert sorted(drawn(NAMES[:20])["val"]) == sorted(drawn(NAMES)["val"] & set(NAMES[:20]))
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    for seed in range(20):
        first, second = (drawn([name, *NAMES], seed=seed) for name in (composed, decomposed))
        assert (composed in first["val"]) == (decomposed in second["val"])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [0.01, 0.2, 0.99])
def test_neither_side_is_empty_if_there_are_two(seed, share):
    splits = drawn(["a", "b"], share, seed)
    assert len(splits["train"]) == len(splits["val"]) == 1


def test_a_train_split_is_divided_only_if_asked():
    splits = {"training": listing(*NAMES), "test": listing("t")}
    assert with_val(splits, None, 0, HERE).keys() == {"training", "test"}
    divided = with_val(splits, 0.2, 0, HERE)
    assert divided.keys() == {"train", "val", "test"}
    assert divided["test"]().stems == ("t",)


def test_a_share_is_refused_where_it_means_nothing():
    splits = {"train": listing("a"), "valid": listing("b")}
    assert "valid" in refusal(lambda: with_val(splits, 0.2, 0, HERE))
    for share in (0, 1, -0.5, 20):
        assert str(share) in refusal(lambda share=share: drawn(NAMES, share))


@pytest.mark.parametrize(
    ("asked", "found", "own"),
    [
        ("val", ("train", "valid"), "valid"),
        ("validation", ("train", "val"), "val"),
        ("train", ("Training", "Validation"), "Training"),
        ("val", ("train", "val", "valid"), "val"),
        ("testing", ("test",), "test"),
        ("holiday", ("holiday",), "holiday"),
    ],
)
def test_the_datas_own_name_is_found(asked, found, own):
    assert resolve(asked, found, HERE) == own


def test_a_split_that_is_not_there_or_is_two_is_named():
    assert "val and valid" in refusal(lambda: resolve("validation", ("val", "valid"), HERE))
    message = refusal(lambda: resolve("val", ("train", "test"), HERE))
    assert "train, test" in message and "--val-share" in message
    assert "--val-share" not in refusal(lambda: resolve("test", ("train", "val"), HERE))


def test_splits_come_in_the_order_of_their_use():
    assert in_order(["test", "holiday", "valid", "training"]) == (
        *("training", "valid", "test", "holiday"),
    )


def test_synthetic_scenes_have_synonyms_too():
    assert open_samples("synthetic", "valid").stems == open_samples("synthetic", "val").stems
    assert open_samples("synthetic", "training").split == "train"


DRIVES = ("0001TP_008550", "0001TP_006690", "0016E5_00390", "0006R0_f00930", "00011_x")


def make_drives(root):
    """Two folders of the same drives: the names of files say which, not those of folders."""
    for place in ("0016E5", "night"):
        for name in DRIVES:
            data_trees.image(root / "images" / "training" / place / f"{name}.jpg")
            data_trees.mask(root / "masks" / "training" / place / f"{name}.png")
    data_trees.names(root)
    return root


def test_a_prefix_takes_the_images_whose_file_name_begins_with_it(tmp_path):
    root = make_drives(tmp_path)
    samples = open_samples(root, "train/0001TP")
    wanted = sorted(
        str(file.relative_to(root / "images/training").with_suffix(""))
        for file in root.glob("images/training/*/0001TP*")
    )
    assert list(samples.stems) == wanted and len(wanted) == 4
    assert samples.split == "training/0001TP"
    # What is read belongs to the names: the red of an image is the length of its name.
    assert [int(samples.read(i)[0][0, 0, 0]) for i in range(4)] == pytest.approx([13] * 4, abs=2)
    assert len(open_samples(root, "train/0016E5").stems) == 2  # not the folder of that name
    assert len(open_samples(root, "train/0001").stems) == 6
    assert len(open_samples(root, "train/00", limit=3)) == 3
    assert len(open_samples(root, "train").stems) == 10


def test_a_prefix_with_a_slash_is_compared_with_the_name_below_the_split(tmp_path):
    root = make_drives(tmp_path)
    assert open_samples(root, "train/night/0001TP").stems == (
        *("night/0001TP_006690", "night/0001TP_008550"),
    )
    assert len(open_samples(root, "train/0016E5/").stems) == 5


@pytest.mark.parametrize("prefix", ["0016e5", "TP", "", "night"])
def test_a_prefix_that_no_name_has_is_refused_with_those_there_are(prefix, tmp_path):
    root = make_drives(tmp_path)
    message = refusal(lambda: open_samples(root, f"train/{prefix}"))
    assert f"'training/{prefix}'" in message
    assert "0001TP (4 images)" in message and "0006R0 (2 images)" in message


def test_few_of_many_prefixes_are_named():
    pairing = listing(*(f"{drive:03}_{frame}" for drive in range(9) for frame in range(2)))()
    message = refusal(lambda: beginning_with("x", pairing, "train", HERE))
    assert message.count("(2 images)") == 5 and "and 4 others" in message
    one = refusal(lambda: beginning_with("x", listing("a")(), "train", HERE))
    assert "a (1 image)" in one and "others" not in one


def test_a_prefix_keeps_the_problems_of_its_split():
    pairing = Pairing((), (), ("a mask is missing",))
    assert beginning_with("x", pairing, "train", HERE).problems == ("a mask is missing",)


def test_an_accent_may_be_written_in_two_ways():
    pairing = listing("caf\u00e9_1", "cafe_1")()
    assert beginning_with("cafe\u0301", pairing, "train", HERE).stems == ("caf\u00e9_1",)


def test_a_part_that_was_drawn_has_prefixes_too(tmp_path):
    data_trees.make_flat(tmp_path)
    both = [open_samples(tmp_path, split, val_share=0.5).stems for split in ("train/p1", "val/p1")]
    assert sorted(both[0] + both[1]) == [f"p1{digit}" for digit in range(10)]


def test_synthetic_scenes_have_no_file_names():
    message = refusal(lambda: open_samples("synthetic", "train/0001TP"))
    assert "'train/0001TP'" in message and "Write train." in message


def test_drives_of_camvid(camvid_dir):
    assert len(open_samples(camvid_dir, "train/0006R0")) == 101
    assert len(open_samples(camvid_dir, "val/0016E5")) == 101
    assert "0006R0 (101 images)" in refusal(lambda: open_samples(camvid_dir, "train/Seq05VD"))
