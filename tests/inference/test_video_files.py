"""What the reader makes of a phone's video, and what a kill leaves of a written one."""

from __future__ import annotations

import shutil
from fractions import Fraction

import numpy as np
import pytest

from segnet_tf.errors import UserError
from segnet_tf.inference.video_reader import VideoReader
from segnet_tf.inference.video_writer import VideoWriter
from segnet_tf.system.limits import MAX_PIXELS

pytest.importorskip("av", reason="needs PyAV: pip install av")
from drawn_videos import moving, read, write  # noqa: E402


def test_a_killed_process_leaves_a_video(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", (48, 64), Fraction(10))
    images = moving(25)
    for index, image in enumerate(images):
        writer.write(image, index / 10)
    shutil.copy(tmp_path / "a.mp4", tmp_path / "killed.mp4")  # what the disk has by now
    writer.close()
    frames, times = read(tmp_path / "killed.mp4")
    assert len(frames) >= 24 and times[:3] == [0, 0.1, 0.2]
    assert len(read(tmp_path / "a.mp4")[0]) == 25


def test_a_phone_held_upright(tmp_path):
    images = moving(2)
    write(tmp_path / "a.mp4", images)
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    # The matrix of the track header, 16.16 fixed point by rows: (x, y) goes to (-y, x), a
    # quarter clockwise. ISO 14496-12, 8.3.2: version 0 has it 44 bytes behind the box's name.
    matrix = np.array([0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000], ">i4").tobytes()
    start = content.index(b"tkhd") + 44
    assert content[start : start + 4] == bytes([0, 1, 0, 0])
    content[start : start + 36] = matrix
    (tmp_path / "a.mp4").write_bytes(content)
    with VideoReader(str(tmp_path / "a.mp4")) as reader:
        image, _ = next(reader.frames())
    error = np.abs(image.astype(int) - np.rot90(images[0], -1))
    assert error.mean() < 8


def test_colors_come_back(tmp_path):
    # Rec. 601 taken for Rec. 709, or the other way, turns pure green by 40 of 255.
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)
    image = colors.repeat(16, axis=0)[None].repeat(48, axis=0)
    writer = VideoWriter(tmp_path / "a.mp4", (48, 64), Fraction(10))
    writer.write(image, 0)
    writer.close()
    with VideoReader(str(tmp_path / "a.mp4")) as reader:
        seen, _ = next(reader.frames())
    assert np.abs(seen[24, 8::16].astype(int) - colors).max() < 12, seen[24, 8::16]


def test_frames_of_more_pixels_than_images_may_have(tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    write(path, moving(2))
    monkeypatch.setenv(MAX_PIXELS, "3072")
    with VideoReader(str(path)) as reader:
        assert len(list(reader.frames())) == 2
    monkeypatch.setenv(MAX_PIXELS, "3071")
    with pytest.raises(UserError, match="frames of 3072 pixels; SEGNET_TF_MAX_PIXELS allows more"):
        VideoReader(str(path))
