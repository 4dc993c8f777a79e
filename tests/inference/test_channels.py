"""Grey images and images of four bands, for networks that take them; one line for others."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from PIL import Image

import segnet_tf
from segnet_tf.cli.main import main
from segnet_tf.data.images import read_image
from segnet_tf.errors import UserError
from segnet_tf.export import exporter
from segnet_tf.inference.tflite_model import TFLiteModel

SIZE = (32, 48)


def last_channel_is_bright(channels, path=None):
    """Class 1 where the last channel is above 100, which no other channel can tell."""
    image = keras.Input((*SIZE, channels))
    convolution = keras.layers.Conv2D(2, 1)
    model = keras.Model(image, convolution(image))
    kernel = np.zeros((1, 1, channels, 2), np.float32)
    kernel[0, 0, -1, 1] = 1
    convolution.set_weights([kernel, np.array([100, 0], np.float32)])
    if path is not None:
        model.save(path)
    return model


def bands(channels, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (*SIZE, channels)).astype(np.uint8)


def save(pixels, path):
    channels = pixels.shape[-1]
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode).save(path)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 4])
def test_files_are_read_as_they_are_stored(channels, suffix, tmp_path):
    pixels = bands(channels)
    save(pixels, tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}", channels=channels), pixels)


def four_band_tiff(path, pixels):
    """A TIFF whose fourth band is said to be no transparency (ExtraSamples 0), as cameras write."""
    Image.frombytes("RGBX", SIZE[::-1], pixels.tobytes()).save(path)


def test_a_fourth_band_that_is_no_transparency(tmp_path):
    pixels = bands(4)
    four_band_tiff(tmp_path / "a.tif", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", channels=4), pixels)
    with pytest.raises(UserError, match="3 channels.*Received: 4 channels in .*a.tif"):
        read_image(tmp_path / "a.tif")


def test_grey_that_is_stored_as_rgb_is_grey(tmp_path):
    pixels = bands(1)
    save(pixels.repeat(3, axis=2), tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", channels=1), pixels)


@pytest.mark.parametrize(("stored", "wanted"), [(3, 1), (3, 4), (1, 4), (4, 1), (4, 5)])
def test_other_channels_are_one_line(stored, wanted, tmp_path):
    save(bands(stored), tmp_path / "a.png")
    with pytest.raises(UserError, match="an image must have .* channels?.*a.png") as error:
        read_image(tmp_path / "a.png", channels=wanted)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("channels", [1, 4])
def test_predict_function(channels):
    pixels = bands(channels)
    found = segnet_tf.predict(last_channel_is_bright(channels), pixels)
    np.testing.assert_array_equal(found, pixels[..., -1] > 100)
    with pytest.raises(UserError, match=rf"shape \(height, width, {channels}\)"):
        segnet_tf.predict(last_channel_is_bright(channels), bands(3))
    if channels == 1:
        found = segnet_tf.predict(last_channel_is_bright(1), pixels[..., 0])
        np.testing.assert_array_equal(found, pixels[..., -1] > 100)


@pytest.fixture(params=[1, 4])
def project(request, tmp_path):
    """Two pairs of `channels` channels in both splits, and a model's file."""
    channels = request.param
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
        for index in range(2):
            pixels = bands(channels, index)
            save(pixels, tmp_path / "data" / split / "images" / f"{index}.png")
            mask = Image.fromarray((pixels[..., -1] > 100).astype(np.uint8))
            mask.save(tmp_path / "data" / split / "masks" / f"{index}.png")
    (tmp_path / "data" / "classes.txt").write_text("dark\nbright\n")
    last_channel_is_bright(channels, tmp_path / "m.keras")
    return tmp_path, channels


def test_commands(project, capsys):
    folder, channels = project
    model, data = str(folder / "m.keras"), str(folder / "data")
    assert main(["evaluate", "--model", model, "--data", data, "--split", "val"]) == 0
    assert "100.00" in capsys.readouterr().out
    images = folder / "data" / "val" / "images"
    arguments = ["--model", model, "--input", str(images), "--output", str(folder / "out")]
    assert main(["predict", *arguments]) == 0
    found = np.asarray(Image.open(folder / "out" / "0_mask.png"))
    np.testing.assert_array_equal(found, bands(channels, 0)[..., -1] > 100)
    assert Image.open(folder / "out" / "0_overlay.png").mode == "RGB"


@pytest.mark.slow
@pytest.mark.parametrize("format", ["float32", "int8", "float16"])
def test_export(project, fast, format):
    folder, channels = project
    path, report = exporter.export(
        str(folder / "m.keras"),
        format=format,
        data=str(folder / "data"),
        output=folder / "m.tflite",
    )
    file = TFLiteModel(path)
    assert file.image_channels == channels
    assert report.facts["scores"]["tflite_mean_iou"] > 0.98
    pixels = bands(channels, 7)
    same = file(pixels).argmax(-1) == (pixels[..., -1] > 100)
    assert same.mean() > 0.98


def test_export_without_data(fast, tmp_path):
    """The drawn scenes that the file is compared on have the network's channels."""
    _, report = exporter.export(
        last_channel_is_bright(4), format="float32", output=tmp_path / "m.tflite"
    )
    assert report.facts["input"]["shape"] == [1, *SIZE, 4]


def test_video_and_photos_for_a_grey_network_are_one_line(tmp_path, capsys):
    last_channel_is_bright(1, tmp_path / "m.keras")
    save(bands(3), tmp_path / "a.png")
    arguments = ["--model", str(tmp_path / "m.keras"), "--input", str(tmp_path / "a.png")]
    assert main(["predict", *arguments, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "1 channel (grey)" in error and "a.png" in error and error.count("\n") == 1
