"""Images, masks and class files of an attacker: one line, in little time and memory."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, features

from segnet_tf.data import class_file, open_samples
from segnet_tf.data.check import check_data
from segnet_tf.data.image_files import FORMATS, Encoded, open_image
from segnet_tf.data.images import read_image, require_image_range
from segnet_tf.data.masks import read_mask, relabel
from segnet_tf.errors import UserError
from segnet_tf.system.limits import MAX_PIXELS

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"


def refused(read, *arguments):
    with pytest.raises(UserError) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def png(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_postscript_starts_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", "gs")  # as if Ghostscript were installed
    started = []
    monkeypatch.setattr(subprocess, "check_call", lambda command, **_: started.append(command))
    (tmp_path / "a.png").write_bytes(EPS)
    for read in (read_image, read_mask):
        assert "no image format" in refused(read, tmp_path / "a.png")
    assert not started


def test_only_what_is_listed_is_opened():
    for kind in ("PCX", "ICO", "TGA", "SGI", "PSD", "PDF", "DDS"):
        content = io.BytesIO()
        try:
            Image.new("RGB", (8, 8)).save(content, kind)
        except (KeyError, OSError):
            continue
        assert "no image format" in refused(open_image, Encoded(content.getvalue(), "a.png"))
    for kind in set(FORMATS) - ({"DIB"} if features.check("avif") else {"DIB", "AVIF"}):
        content = io.BytesIO()
        Image.new("RGB", (8, 8)).save(content, kind)
        assert open_image(Encoded(content.getvalue(), "a.eps")).size == (8, 8)


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_damaged_avif(tmp_path):
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(whole, "AVIF")
    content = whole.getvalue()
    at = content.index(b"mdat")
    assert "a.avif" in refused(
        open_image, Encoded(content[:at] + bytes(len(content) - at), "a.avif")
    )


@pytest.mark.parametrize("size", [(0xFFFFFFFF, 1), (1, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_a_png_of_any_width(size):
    assert "must have at most 100 megapixels" in refused(open_image, Encoded(png(*size), "a.png"))


def test_the_limit_of_pixels_can_be_moved(monkeypatch):
    content = Encoded(png(200, 100), "a.png")
    monkeypatch.setenv(MAX_PIXELS, "10000")
    said = refused(open_image, content, False)
    assert "at most 0.01 megapixels. Received: 0.02" in said and f"{MAX_PIXELS}=20000" in said
    monkeypatch.setenv(MAX_PIXELS, "20000")
    assert open_image(content, False).size == (200, 100)
    monkeypatch.setenv(MAX_PIXELS, "1")
    assert "at most 8 bytes" in refused(open_image, content)


def test_an_id_of_2_to_the_31_takes_no_table_as_long():
    mask = np.array([[0, 2**31 - 1]], np.int32)
    tracemalloc.start()
    assert relabel(mask, {0: 1, 2**31 - 1: 0}, "a.tif").tolist() == [[1, 0]]
    assert "Received: 2147483647" in refused(relabel, mask, {0: 1, 2**30: 0}, "a.tif")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_file_name_that_is_no_utf_8(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for name in ("a.png", os.fsdecode(b"b\xff.png")):
            Image.new("L", (8, 8)).save(tmp_path / folder / name)
    (tmp_path / "classes.txt").write_text("road\nsky\n", "utf-8")
    said = refused(open_samples, tmp_path, "train")
    assert "file names must be UTF-8. Received: " in said and "b\\udcff.png" in said
    assert "file names must be UTF-8" in check_data(tmp_path).problems[0]


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "255", [255], True])
def test_white_is_a_number(value):
    assert "`image_range` must be the whole number" in refused(require_image_range, [], value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "a" + " " * 290 + "b\n"),  # 0.3 s a line before
        ("classes.txt", "a" * 301),
        ("classes.txt", "".join(f"{i} name{i}\n" for i in range(20000)) + "5 name5\n"),
        ("classes.txt", "\n" * 2**20 + "a"),
        ("classes.csv", "name,id\n" + "a,1\n" * 2000),
        ("classes.json", "{" + ",".join(f'"{i}": 1' for i in range(50000)) + "}"),
        ("classes.json", "[" * 500000),
        ("classes.json", '[{"name": "a", "id": Infinity}]'),
        ("classes.json", '[{"name": "a", "id": 1e999}]'),
        ("classes.json", '{"a": "' + "1" * 5000 + '"}'),
        ("classes.json", '["\\u001b[2J", "b"]'),
        ("classes.json", '["\\ud800", "b"]'),
    ],
)
def test_class_files(tmp_path, name, text):
    path = tmp_path / name
    # One line more than `Classes` takes, so that all of them are compared and then refused.
    path.write_text(text * 256 if text.endswith("b\n") else text, "utf-8")
    began = time.perf_counter()
    assert name in refused(class_file.load, path)
    assert time.perf_counter() - began < 10
