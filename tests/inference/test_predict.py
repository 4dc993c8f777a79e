"""Predictions of images of every kind, judged by the pixels of the files written."""

from __future__ import annotations

import json
import shutil

import bright_model
import keras
import numpy as np
import pytest
import tiny_run
from PIL import Image

from segnet_tf.cli.main import main
from segnet_tf.data.camvid import CLASSES
from segnet_tf.inference.image_inputs import find_images


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return bright_model.save(tmp_path_factory.mktemp("model") / "model.keras")


def half_bright(height=4, width=6) -> np.ndarray:
    """Dark on the left, bright on the right, and one bright pixel in the top left corner."""
    image = np.zeros((height, width), np.uint8)
    image[:, width // 2 :] = 250
    image[0, 0] = 250
    return image


EXPECTED = np.where(half_bright() > 128, 3, 0)


def run(model, source, output, *more) -> int:
    return main(
        ["predict", "--model", model, "--input", str(source), "--output", str(output), *more]
    )


def ids(path) -> np.ndarray:
    with Image.open(path) as mask:
        assert mask.mode == "P"
        assert mask.getpalette()[:33] == [part for color in CLASSES.colors for part in color]
        return np.array(mask)


def save_grey(path):
    Image.fromarray(half_bright()).save(path)


def save_rgba(path):
    grey = Image.fromarray(half_bright())
    Image.merge("RGBA", (grey, grey, grey, Image.new("L", grey.size, 200))).save(path)


def save_16_bit(path):
    Image.fromarray(half_bright().astype(np.uint16) * 257).save(path)


def save_palette(path):
    Image.fromarray(half_bright()).convert("RGB").quantize(4).save(path)


def save_animated(path):
    frames = [Image.fromarray(half_bright()), Image.fromarray(255 - half_bright())]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def save_ink(path):
    Image.fromarray(half_bright()).convert("RGB").convert("CMYK").save(path)


def save_rotated(path):
    # A camera held upright: its sensor's rows are the image's columns, tag 274 says so.
    sideways = Image.fromarray(half_bright()).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[274] = 6
    sideways.save(path, exif=exif)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("grey.png", save_grey),
        ("rgba.png", save_rgba),
        ("deep.png", save_16_bit),
        ("palette.png", save_palette),
        ("moving.gif", save_animated),
        ("moving.png", save_animated),
        ("ink.tif", save_ink),
        ("upright.png", save_rotated),
        ("UPPER.PNG", save_grey),
    ],
)
def test_kinds_of_images(name, save, model, tmp_path):
    save(tmp_path / name)
    assert run(model, tmp_path / name, tmp_path / "out") == 0
    stem = name.split(".")[0]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{stem}_mask.png", f"{stem}_overlay.png", "legend.png"}
    np.testing.assert_array_equal(ids(tmp_path / "out" / f"{stem}_mask.png"), EXPECTED)
    with Image.open(tmp_path / "out" / f"{stem}_overlay.png") as overlay:
        assert overlay.size == (6, 4)


def test_folder_with_damaged_images(model, tmp_path, capsys):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    save_grey(source / "b.png")
    save_grey(source / "b.bmp")
    (source / "notes.txt").write_text("no image")
    (source / "a.png").write_bytes((source / "b.png").read_bytes()[:40])
    (source / "c.jpg").write_bytes(b"no image either")
    (source / "d.webp").touch()
    Image.fromarray(np.ones((4, 6), np.float32)).save(source / "e.tif")
    assert run(model, source, output) == 2
    error = capsys.readouterr().err
    assert error.startswith("segnet-tf: 4 images: ") and error.count("\n") == 1
    assert all(name in error for name in ("a.png", "c.jpg", "d.webp (0 bytes)", "e.tif"))
    assert "b.png" not in error
    # The good ones are there, under names that differ.
    assert {path.name for path in output.glob("*_mask.png")} == {"b.png_mask.png", "b.bmp_mask.png"}
    (source / "a.png").unlink()
    (source / "c.jpg").unlink()
    (source / "d.webp").unlink()
    (source / "e.tif").unlink()
    assert run(model, source, output) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(model, source, output, "--overwrite", "--limit", "1") == 0
    assert run(model, source, source) == 2
    assert "another folder" in capsys.readouterr().err


def test_nothing_is_written_when_nothing_is_good(model, tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"no image")
    assert run(model, tmp_path / "a.png", tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", tmp_path / "absent"):
        assert run(model, source, tmp_path / "out") == 2
        error = capsys.readouterr().err
        assert "`images` (--input)" in error and str(source) in error


def test_drawn_scenes_and_another_size(model, tmp_path):
    assert run(model, "synthetic", tmp_path, "--limit", "2", "--size", "32x48") == 0
    assert len(list(tmp_path.glob("*_mask.png"))) == 2
    save_grey(tmp_path / "x.png")
    assert run(model, tmp_path / "x.png", tmp_path / "out", "--size", "8x12", "--flip") == 0
    assert ids(tmp_path / "out" / "x_mask.png").shape == (4, 6)
    names = [name for name, _ in find_images("synthetic", limit=3, size=(32, 32))]
    assert len(set(names)) == 3


def test_classes_are_those_of_the_run(tmp_path):
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Conv2D(4, 1)(image)).save(tmp_path / "best.keras")
    save_grey(tmp_path / "x.png")
    assert run(str(tmp_path), tmp_path / "x.png", tmp_path / "numbered") == 0
    colors = [[9, 8, 7], [1, 2, 3], [4, 5, 6], [200, 100, 0]]
    classes = [{"name": f"n{i}", "colour": color} for i, color in enumerate(colors)]
    record = {"config": {}, "classes": classes, "class_weights": None}
    record |= {"num_classes": 4, "training_images": 1}
    (tmp_path / "config.json").write_text(json.dumps(record))
    assert run(str(tmp_path), tmp_path / "x.png", tmp_path / "named") == 0
    with Image.open(tmp_path / "named" / "x_mask.png") as mask:
        assert mask.getpalette()[:12] == [part for color in colors for part in color]


def test_deep_images_are_read_as_the_run_reads_them(tmp_path, capsys):
    """12 bits in 16: read as 16 bits such an image is black, and so is its mask."""
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    bright_model.save(run_folder / "best.keras")
    record = tiny_run.record_of(11, (4, 6))
    record["config"]["image_range"] = 4095
    (run_folder / "config.json").write_text(json.dumps(record))
    Image.fromarray(half_bright().astype(np.uint16) * 16).save(tmp_path / "x.png")
    for name, more in (("by_run", ()), ("told", ("--image-range", "4095"))):
        assert run(str(run_folder), tmp_path / "x.png", tmp_path / name, *more) == 0
        with Image.open(tmp_path / name / "x_mask.png") as mask:
            np.testing.assert_array_equal(np.array(mask), EXPECTED)
    alone = shutil.copy(run_folder / "best.keras", tmp_path / "alone.keras")
    assert run(str(alone), tmp_path / "x.png", tmp_path / "none") == 2
    assert "--image-range 4095" in capsys.readouterr().err
    assert run(str(run_folder), tmp_path / "x.png", tmp_path / "all", "--image-range", "65535") == 0
    with Image.open(tmp_path / "all" / "x_mask.png") as mask:
        assert not np.array(mask).any()
