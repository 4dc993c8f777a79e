"""What a comparison's file says, and what it may not say."""

from __future__ import annotations

import json

import pytest

from segnet_tf import models
from segnet_tf.cli.main import main
from segnet_tf.comparison.configuration import COMPARISONS, read_comparison, write_configs
from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError

TEXT = """
[training]
epochs = 7
crop = [64, 96]
learning_rate = 0.002
[score]
splits = ["val", "train/0006R0"]
[[models]]
name = "mini"
model = "segnet_mini"
[[models]]
name = "lite"
model = "segnet_lite"
model_options = { unpool_groups = 2 }
initial_weights = "imagenet"
epochs = 9
"""


def written(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return path


def test_rows_share_what_they_do_not_replace(tmp_path):
    comparison = read_comparison(written(tmp_path, TEXT))
    assert comparison.splits == ("val", "train/0006R0")
    mini, lite = comparison.rows
    shared = {"crop": (64, 96), "learning_rate": 0.002, "data": "somewhere", "seed": 3}
    assert mini.config(3, "somewhere") == TrainConfig(model="segnet_mini", epochs=7, **shared)
    assert lite.config(3, "somewhere") == TrainConfig(
        model="segnet_lite",
        model_options={"unpool_groups": 2},
        initial_weights="imagenet",
        epochs=9,
        **shared,
    )
    assert [row.name for row in comparison.only(["lite"]).rows] == ["lite"]


def test_the_validation_split_is_scored_if_none_is_named(tmp_path):
    text = TEXT.replace('splits = ["val", "train/0006R0"]', "")
    text = text.replace("epochs = 7", 'epochs = 7\nval_split = "test"')
    assert read_comparison(written(tmp_path, text)).splits == ("test",)


def test_a_written_configuration_is_that_of_the_training(tmp_path):
    comparison = read_comparison(written(tmp_path, TEXT))
    files = write_configs(comparison, (0, 4), "somewhere", tmp_path / "configs")
    assert [file.relative_to(tmp_path / "configs").as_posix() for file in files] == [
        "mini/seed0.json", "mini/seed4.json", "lite/seed0.json", "lite/seed4.json"
    ]  # fmt: skip
    content = json.loads(files[3].read_text("utf-8"))
    assert (content["seed"], content["epochs"], content["data"]) == (4, 9, "somewhere")
    assert TrainConfig.from_json(content) == comparison.rows[1].config(4, "somewhere")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("[score]", "[scores]", "must hold [training], [score] and [[models]]"),
        ("splits =", "split =", "`score` must hold splits"),
        ('["val", "train/0006R0"]', '"val"', "`splits` must be a list"),
        ('["val", "train/0006R0"]', "[]", "`splits` must be a list"),
        ("epochs = 9", "epoch = 9", "Received: config=epoch"),
        ("epochs = 9", "epochs = 0", "`epochs` must be at least 1"),
        ("epochs = 9", "seed = 1", "--seeds"),
        ('name = "lite"', 'name = "mini"', "another one in each row"),
        ('name = "lite"', 'name = "../lite"', "names a folder"),
        ('name = "lite"', "", "`name` of a row"),
        ("[[models]]", "[[model]]", "must hold"),
        ("[training]", "[training", "valid TOML"),
    ],
)
def test_a_wrong_file_is_one_line(before, after, words, tmp_path, capsys):
    path = written(tmp_path, TEXT.replace(before, after))
    output = tmp_path / "out"
    assert main(["compare", "--config", str(path), "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "nothing"], "one of camvid, demo"),
        (["--config", "demo", "--only", "segnet"], "`only` must be one of segnet_mini"),
        (["--config", "demo", "--seeds", "0,0"], "each once"),
        (["--config", "demo", "--seeds", "a"], "whole numbers"),
        (["--config", "demo", "--data", "nowhere"], "`data` must be"),
        (["--config", "demo", "--seconds", "0"], "above 0"),
        (["--config", "camvid"], "`--data` must name the images"),
    ],
)
def test_wrong_options_are_one_line(arguments, words, tmp_path, capsys):
    assert main(["compare", *arguments, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", sorted(COMPARISONS.glob("*.toml")), ids=lambda file: file.stem)
def test_shipped_comparisons_can_be_trained(file):
    comparison = read_comparison(file.stem)
    for row in comparison.rows:
        assert row.config(0, "synthetic").model in models.NAMES
    assert file.read_text("utf-8").startswith("# ")


def test_an_unknown_row_is_no_error_of_the_others(tmp_path):
    with pytest.raises(UserError, match="must be one of mini, lite"):
        read_comparison(written(tmp_path, TEXT)).only(["mini", "unet"])
