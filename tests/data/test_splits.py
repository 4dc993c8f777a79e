"""Splits by any of their names, and a validation split drawn from names."""

from __future__ import annotations

from pathlib import Path

import pytest

from segnet_tf.data import open_samples
from segnet_tf.data.pairing import Pairing
from segnet_tf.data.splits import in_order, resolve, with_val
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
