"""Reading images of every kind, drawn here, by hand where Pillow writes none."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from segnet_tf.data.images import read_image, require_image_range
from segnet_tf.data.masks import read_mask
from segnet_tf.errors import UserError


def one_line(info) -> str:
    """The message, held to the form of an error: one line, what came is in it."""
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9])
def test_a_truncated_png_is_named(tmp_path, share):
    whole = tmp_path / "whole.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    for read in (read_image, read_mask):
        with pytest.raises(UserError) as info:
            read(cut)
        assert "cut.png" in one_line(info)


@pytest.mark.parametrize("content", [b"not an image", bytes(100), b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_what_is_no_image_is_named(tmp_path, content):
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(UserError) as info:
        read_image(tmp_path / "bad.png")
    assert "bad.png" in one_line(info)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError) as info:
        read_image(tmp_path / "gone.png")
    assert "gone.png" in one_line(info)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "1", "CMYK"])
def test_every_kind_of_image_comes_as_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (5, 3), (255, 255, 255)).convert(mode).save(path)
    image = read_image(path)
    assert (image.shape, image.dtype) == ((3, 5, 3), np.uint8)
    assert image.min() >= 250


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    Image.fromarray(np.array([[0, 32768, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 128, 255]


def test_sixteen_bit_color_is_read(tmp_path):
    # By hand: Pillow writes none.
    row = b"\0" + np.array([[0, 32768, 65535]], ">u2").tobytes()
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row)),
        (b"IEND", b""),
    ):
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    (tmp_path / "a.png").write_bytes(content)
    assert read_image(tmp_path / "a.png").tolist() == [[[0, 128, 255]]]


def test_big_endian_grey_is_read(tmp_path):
    # Width, height, bits, compression, black is 0, offset, channels, rows, bytes.
    short = {256: 3, 257: 1, 258: 16, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 6}
    entries = [struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in short.items()]
    pixels = struct.pack(">3H", 0, 32768, 65535)
    head = b"MM\0*" + struct.pack(">I", 14) + pixels + struct.pack(">H", len(short))
    (tmp_path / "a.tif").write_bytes(head + b"".join(entries) + bytes(4))
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_images_without_a_white_are_refused(tmp_path, dtype):
    Image.fromarray(np.array([[0, 1]], dtype)).save(tmp_path / "deep.tif")
    with pytest.raises(UserError) as info:
        read_image(tmp_path / "deep.tif")
    assert "32 bits in" in one_line(info) and "deep.tif" in one_line(info)


def test_printer_s_ink_is_converted(tmp_path):
    # CMYK as printers and some stock photos have it: (1 - ink) * (1 - black).
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[..., :] = (200, 100, 0, 51)
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=100)
    expected = [(255 - ink) * (255 - 51) / 255 for ink in (200, 100, 0)]
    assert np.abs(read_image(tmp_path / "a.jpg") - np.array(expected)).max() <= 4


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_an_animation_is_its_first_frame(tmp_path, name):
    frames = [Image.new("RGB", (16, 8), color) for color in ("white", "black", "white")]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / name) as image:
        assert image.n_frames == 3
    image = read_image(tmp_path / name)
    assert image.shape == (8, 16, 3) and image.min() >= 250


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_damaged_note_of_orientation_costs_no_image(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise).save(tmp_path / "a.jpg", exif=exif)
    content = (tmp_path / "a.jpg").read_bytes()
    start = content.index(b"Exif")
    rng = np.random.default_rng(1)
    for _ in range(200):
        damaged = bytearray(content)
        damaged[start + 6 + rng.integers(26)] = rng.integers(256)
        (tmp_path / "b.jpg").write_bytes(damaged)
        assert sorted(read_image(tmp_path / "b.jpg").shape) == [3, 8, 12]


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(UserError) as info:
        read_image(tmp_path / "a.jpg")
    assert "a.jpg (0 bytes)" in one_line(info)


def test_a_turned_photo_is_read_upright(tmp_path):
    photo = Image.new("RGB", (8, 4))
    exif = photo.getexif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees.
    photo.save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (8, 4, 3)


def deep(path, values, kind="L"):
    """A 16-bit image; RGB is written by TensorFlow, as Pillow writes none."""
    values = np.array(values, np.uint16)
    if kind == "L":
        Image.fromarray(values).save(path)
    else:
        rgb = np.repeat(values[:, :, None], 3, axis=2)
        path.write_bytes(tf.io.encode_png(rgb).numpy())
    return path


@pytest.mark.parametrize("kind", ["L", "RGB"])
def test_twelve_bits_are_read_in_their_range(tmp_path, kind):
    path = deep(tmp_path / "a.png", [[0, 2048, 4095]], kind)
    assert read_image(path, image_range=4095)[0, :, 1].tolist() == [0, 128, 255]
    assert read_image(path, image_range=65535)[0, :, 1].tolist() == [0, 8, 16]
    with pytest.raises(UserError) as info:
        read_image(path, image_range=1023)
    assert "a.png" in one_line(info) and "4095" in one_line(info)


@pytest.mark.parametrize("kind", ["L", "RGB"])
def test_twelve_bits_of_a_data_set_are_found_and_the_range_offered(tmp_path, kind):
    dark = deep(tmp_path / "dark.png", [[0, 1, 900]], kind)
    paths = [dark, deep(tmp_path / "b.png", [[0, 3900]], kind)]
    with pytest.raises(UserError) as info:
        require_image_range(paths, None)
    assert "3900" in one_line(info)
    assert "4095" in one_line(info) and "65535" in one_line(info)
    require_image_range(paths, 4095)
    # One image that uses all bits speaks for them all: the others are dark.
    require_image_range([dark, deep(tmp_path / "c.png", [[60000]], kind)], None)
    Image.new("L", (2, 2)).save(tmp_path / "d.png")
    require_image_range([tmp_path / "d.png", tmp_path / "gone.png"], None)


def test_an_image_range_gives_deeper_images_a_white(tmp_path):
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(UserError) as info:
        read_image(tmp_path / "a.tif")
    assert "image_range" in one_line(info)
    Image.fromarray(np.array([[0, 1000]], np.int32)).save(tmp_path / "b.tif")
    assert read_image(tmp_path / "b.tif", image_range=1000)[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_a_wrong_image_range_is_refused(value):
    with pytest.raises(UserError) as info:
        require_image_range([], value)
    assert "image_range" in one_line(info)


def huge(path, width, height):
    """A PNG of one color: small on disk, whatever its size."""
    Image.new("1", (width, height)).save(path)
    return path


def test_an_image_above_the_limit_is_told_the_limit(tmp_path):
    path = huge(tmp_path / "a.png", 13500, 13500)
    for read in (read_image, read_mask):
        with pytest.raises(UserError) as info:
            read(path)
        message = one_line(info)
        assert "a.png" in message and "182.25 megapixels" in message and "at most 100 " in message
        assert "tiles" in message and "again" not in message


def test_no_thread_waits_for_another_to_open_its_image(tmp_path, monkeypatch):
    """A lock there stops `tf.data` for good if garbage is collected in the thread that holds it."""
    both, opened = threading.Barrier(2, timeout=20), Image.open

    def open_together(file, **options):
        both.wait()
        return opened(file, **options)

    paths = [huge(tmp_path / name, 3, 2) for name in ("a.png", "b.png")]
    monkeypatch.setattr(Image, "open", open_together)
    with ThreadPoolExecutor(2) as pool:
        assert [image.shape for image in pool.map(read_image, paths)] == [(2, 3, 3)] * 2


def test_a_large_image_is_read_without_a_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_mask(huge(tmp_path / "a.png", 9950, 9950)).values.shape == (9950, 9950)
