"""Weights that fit a model in part, and arguments of `build` as callers have them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.layers import FusedBatchNormalization
from segnet_tf.models.pretrained import shipped
from segnet_tf.models.transfer import take_what_fits
from segnet_tf.runs.checkpoints import load_model

NARROW = (4, 4, 4, 4, 4)


@pytest.mark.slow
def test_camvid_weights_for_other_classes(capsys):
    model = models.build("segnet_mini", 5, (64, 64, 3), weights="camvid")
    source = load_model("weights:segnet_mini_camvid")
    for layer in source.layers:
        if layer.weights and layer.name != "classifier":
            for mine, theirs in zip(
                model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(mine, theirs)
    count = sum(bool(layer.weights) for layer in source.layers) - 1
    assert capsys.readouterr().out == f"{count} layers start from camvid; fresh: classifier\n"


def test_camvid_weights_for_grey_images(capsys):
    models.build("segnet_mini", 11, (64, 64, 1), weights="camvid")
    assert capsys.readouterr().out.endswith("fresh: encoder1_conv1\n")


@pytest.mark.slow
def test_all_of_them_need_no_word(capsys):
    path = shipped.path("segnet_mini_camvid")
    model = models.build("segnet_mini", 11, (64, 64, 3), weights=path)
    assert isinstance(path, Path) and capsys.readouterr().out == ""
    for mine, theirs in zip(
        model.get_weights(), load_model("weights:segnet_mini_camvid").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
def test_nothing_that_fits_is_one_line(tmp_path):
    models.build("segnet_mini", 3, (32, 32, 3), widths=NARROW).save(tmp_path / "m.keras")
    with pytest.raises(UserError, match="a segnet_mini, of which no layer fits") as error:
        models.build("segnet_lite", 3, (32, 32, 3), weights=tmp_path / "m.keras")
    assert "\n" not in str(error.value)


def test_of_another_architecture_the_encoder_is_taken(tmp_path, capsys):
    options = {"widths": NARROW, "normalization": "imagenet"}
    source = models.build("segnet", 3, (32, 32, 3), **options)
    source.save(tmp_path / "segnet.keras")
    model = models.build(
        "unet", 3, (32, 32, 3), encoder="vgg", weights=tmp_path / "segnet.keras", **options
    )
    said = capsys.readouterr().out
    encoder = [layer for layer in model.layers if layer.name.startswith("encoder")]
    encoder = [layer for layer in encoder if layer.weights]
    for layer in encoder:
        np.testing.assert_array_equal(
            layer.get_weights()[0], source.get_layer(layer.name).get_weights()[0]
        )
    start = f"{len(encoder)} layers of the encoder start from {tmp_path / 'segnet.keras'}; "
    assert said.startswith(f"{start}fresh: decoder4_up") and said.endswith(", classifier\n")
    # The same name and shape: what the classifier of the one reads is no map of the other.
    mine, theirs = (m.get_layer("classifier").get_weights()[0] for m in (model, source))
    assert mine.shape == theirs.shape and not np.array_equal(mine, theirs)


@pytest.mark.slow
def test_another_encoder_is_refused_though_what_follows_has_the_same_shapes(tmp_path):
    options = {"widths": NARROW}
    models.build("unet", 3, (32, 32, 3), encoder="vgg", **options).save(tmp_path / "vgg.keras")
    with pytest.raises(UserError, match="same encoder and widths.*vgg.keras, a unet, of which"):
        models.build("unet", 3, (32, 32, 3), **options, weights=tmp_path / "vgg.keras")


@pytest.mark.slow
def test_a_model_of_another_name_gives_all_of_it(tmp_path, capsys):
    options = {"widths": NARROW}
    source = models.build("segnet_mini", 3, (32, 32, 3), name="mine", **options)
    source.save(tmp_path / "m.keras")
    model = models.build("segnet_mini", 3, (32, 32, 3), **options, weights=tmp_path / "m.keras")
    assert capsys.readouterr().out == ""
    for mine, theirs in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
def test_files_with_either_batch_normalization_are_read_alike(tmp_path):
    """`best.keras` of a run has Keras's own layer, `last.keras` the one that training uses."""
    options = {"widths": NARROW}
    plain = models.build("segnet_mini", 3, (32, 32, 3), **options)

    def fused(layer):
        is_plain = type(layer) is keras.layers.BatchNormalization
        kind = FusedBatchNormalization if is_plain else type(layer)
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(plain, clone_function=fused)
    copy.set_weights(plain.get_weights())
    for model in (plain, copy):
        model.save(tmp_path / "m.keras")
        found = load_model(tmp_path / "m.keras")
        assert type(found.get_layer("encoder1_bn1")) is type(model.get_layer("encoder1_bn1"))
        started = models.build("segnet_mini", 3, (32, 32, 3), **options)
        take_what_fits(started, found, "m.keras", "weights")
        for other in (found, started):
            for mine, theirs in zip(other.get_weights(), plain.get_weights(), strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_a_name_for_the_model():
    model = models.build("segnet_mini", 2, (32, 32, 3), widths=NARROW, name="mine")
    assert model.name == "mine"
    by_keywords = models.build(
        name="segnet_mini", num_classes=2, input_shape=(32, 32, 3), widths=NARROW
    )
    assert by_keywords.name == "segnet_mini"


def test_numbers_of_numpy(tmp_path):
    model = models.build(
        "segnet_mini", np.int64(2), (np.int64(32), np.int32(48), np.int64(3)), widths=NARROW
    )
    assert model.output_shape == (None, 32, 48, 2)
    model.save(tmp_path / "m.keras")  # its JSON knows no numbers of NumPy
    assert load_model(tmp_path / "m.keras").output_shape == (None, 32, 48, 2)


@pytest.mark.parametrize("count", [0, -1, 2.5, True, None, "two"])
def test_no_number_of_classes_is_one_line(count):
    with pytest.raises(UserError, match="`num_classes` must be a positive integer"):
        models.build("segnet_mini", count, (32, 32, 3), widths=NARROW)
