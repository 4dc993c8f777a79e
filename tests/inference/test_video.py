"""Overlays of videos: read back with PyAV and compared with those of single images."""

from __future__ import annotations

import sys
from pathlib import Path

import bright_model
import numpy as np
import pytest
from PIL import Image

from segnet_tf.cli.main import main
from segnet_tf.data.scenes import synthetic
from segnet_tf.inference import video, video_reader
from segnet_tf.inference.video_reader import VideoReader

av = pytest.importorskip("av", reason="needs PyAV: pip install av")
from drawn_videos import moving, read, write  # noqa: E402


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return bright_model.save(tmp_path_factory.mktemp("model") / "model.keras")


def run(model, source, output, *more) -> int:
    return main(
        ["predict", "--model", model, "--input", str(source), "--output", str(output), *more]
    )


def test_frames_are_the_overlays_of_images(model, tmp_path, capsys):
    scenes = [synthetic.scene(index, size=(45, 61))[0] for index in range(4)]
    ticks = [0, 1, 2, 7]
    write(tmp_path / "scenes.mkv", scenes, "ffv1", "bgr0", ticks)  # without loss
    assert run(model, tmp_path / "scenes.mkv", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "4 frames written to" in said.out and "frames a second" in said.out
    assert said.err == ""
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "scenes_overlay.mp4",
        "legend.png",
    }
    (tmp_path / "in").mkdir()
    for index, scene in enumerate(scenes):
        Image.fromarray(scene).save(tmp_path / "in" / f"{index}.png")
    assert run(model, tmp_path / "in", tmp_path / "images") == 0
    frames, times = read(tmp_path / "out" / "scenes_overlay.mp4")
    assert times == [tick / 10 for tick in ticks]
    for index, frame in enumerate(frames):
        assert frame.shape == (46, 62, 3)  # H.264 has even sizes: the last lines come twice
        with Image.open(tmp_path / "images" / f"{index}_overlay.png") as overlay:
            error = np.abs(np.array(overlay).astype(int) - frame[:45, :61])
        # Half the color resolution costs most; another frame's overlay differs by 30.
        assert error.mean() < 6


def test_a_finished_file_is_an_ordinary_one(model, tmp_path, capsys):
    write(tmp_path / "a.mp4", moving(6))
    assert run(model, tmp_path / "a.mp4", tmp_path, "--limit", "5") == 0
    with av.open(str(tmp_path / "a_overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.frames == 5  # the index at the end, not fragments
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.codec_context.colorspace == 1  # Rec. 709, and said so
    assert run(model, tmp_path / "a.mp4", tmp_path) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(model, tmp_path / "a.mp4", tmp_path, "--overwrite") == 0
    assert len(read(tmp_path / "a_overlay.mp4")[0]) == 6


def test_damaged_frames_are_named_and_skipped(model, tmp_path, capsys):
    # Noise makes the frames so long that the damage is inside one, where a lenient decoder
    # paints over it. H.264 has no checksums: half of all damage passes for a picture, that of a
    # slice's header, after 4 bytes of length and one of kind, does not.
    write(tmp_path / "good.mp4", moving(60, noise=25))
    content = bytearray((tmp_path / "good.mp4").read_bytes())
    with av.open(str(tmp_path / "good.mp4")) as container:
        start = [packet.pos for packet in container.demux(video=0) if packet.size][30] + 5
    content[start : start + 40] = np.random.default_rng(1).bytes(40)
    (tmp_path / "bad.mp4").write_bytes(content)
    assert run(model, tmp_path / "bad.mp4", tmp_path) == 0
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "bad.mp4: skipped frame" in said.err
    with VideoReader(str(tmp_path / "bad.mp4")) as reader:
        shown = {round(10 * seconds) + 1: image for image, seconds in reader.frames()}
    assert reader.lost and set(reader.lost) == set(range(1, 61)) - set(shown)
    assert str(reader.lost[0]) in said.err
    assert read(tmp_path / "bad_overlay.mp4")[1] == [(number - 1) / 10 for number in sorted(shown)]
    # What is not named is right.
    good = read(tmp_path / "good.mp4")[0]
    for number in set(shown) - set(reader.doubtful):
        np.testing.assert_array_equal(shown[number], good[number - 1])
    assert len(reader.doubtful) < 24


def test_a_cut_file_gives_what_it_has(model, tmp_path, capsys):
    write(tmp_path / "whole.mp4", moving(40), movflags="faststart")
    content = (tmp_path / "whole.mp4").read_bytes()
    start = content.index(b"mdat")
    (tmp_path / "cut.mp4").write_bytes(content[: start + (len(content) - start) // 2])
    assert run(model, tmp_path / "cut.mp4", tmp_path) == 0
    error = capsys.readouterr().err
    assert "cut.mp4: ended after" in error and "its header says 40 frames" in error
    assert 5 < len(read(tmp_path / "cut_overlay.mp4")[0]) < 40


def test_videos_that_are_none(model, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("Dear diary,\n" * 50)
    (tmp_path / "empty.mp4").touch()
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    write(tmp_path / "noise.mp4", moving(12))
    content = bytearray((tmp_path / "noise.mp4").read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:end] = bytes(end - start)
    (tmp_path / "noise.mp4").write_bytes(content)
    for name in ("text.mp4", "empty.mp4", "sound.mp4", "noise.mp4", "absent.mp4", "camera:77"):
        source = name if name.startswith("camera") else tmp_path / name
        assert run(model, source, tmp_path / "out") == 2
        error = capsys.readouterr().err
        assert error.startswith("segnet-tf: `source` (--input) must") and error.count("\n") == 1
        assert name in error
    assert run(model, "camera:front", tmp_path / "out") == 2
    assert "Pass camera:0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_library_is_one_command_away(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    assert run(model, "camera:0", tmp_path) == 2
    error = capsys.readouterr().err
    assert error.endswith("Install it: pip install av\n") and error.count("\n") == 1


def test_a_camera_runs_until_it_is_stopped(model, tmp_path, monkeypatch, capsys):
    # FFmpeg's test picture comes by the same way as a camera's and never ends.
    monkeypatch.setattr(
        video_reader, "_device", lambda source: ("testsrc=size=64x48:rate=5", "lavfi")
    )
    assert run(model, "camera:0", tmp_path / "few", "--limit", "3") == 0
    assert read(tmp_path / "few" / "camera0_overlay.mp4")[1] == [0, 0.2, 0.4]
    interrupt_at(4, monkeypatch)
    assert run(model, "camera:0", tmp_path / "stopped") == 0
    assert len(read(tmp_path / "stopped" / "camera0_overlay.mp4")[0]) == 3
    assert "3 frames written" in capsys.readouterr().out


def test_a_video_that_was_cut_off_is_kept_and_no_link_is_followed(model, tmp_path, capsys):
    write(tmp_path / "a.mp4", moving(3))
    out = tmp_path / "out"
    out.mkdir()
    (out / "a_overlay.partial.mp4").write_text("frames")
    assert run(model, tmp_path / "a.mp4", out) == 2
    assert "a_overlay.partial.mp4. Pass overwrite" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["a_overlay.partial.mp4"]
    (tmp_path / "mine").write_text("mine")
    (out / "a_overlay.partial.mp4").unlink()
    (out / "a_overlay.partial.mp4").symlink_to(tmp_path / "mine")
    (out / "a_overlay.mp4").symlink_to("b.mp4")
    assert run(model, tmp_path / "a.mp4", out, "--overwrite") == 0
    assert (tmp_path / "mine").read_text() == "mine"
    assert len(read(out / "b.mp4")[0]) == 3 and (out / "a_overlay.mp4").is_symlink()


def test_an_interrupted_file_keeps_its_frames(model, tmp_path, monkeypatch, capsys):
    write(tmp_path / "a.mp4", moving(8))
    interrupt_at(6, monkeypatch)
    assert run(model, tmp_path / "a.mp4", tmp_path) == 130
    assert "interrupted: 5 frames written" in capsys.readouterr().err
    assert len(read(tmp_path / "a_overlay.mp4")[0]) == 5


def interrupt_at(frame, monkeypatch):
    """Ctrl-C while the model is at a frame."""
    ask, asked = video.label_map, []

    def interrupted(*arguments, **options):
        asked.append(1)
        if len(asked) == frame:
            raise KeyboardInterrupt
        return ask(*arguments, **options)

    monkeypatch.setattr(video, "label_map", interrupted)


def test_a_full_disk_is_one_line(tmp_path, model, capsys):
    resource = pytest.importorskip("resource")
    noise = list(np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), np.uint8))
    write(tmp_path / "a.mp4", noise)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        code = run(model, tmp_path / "a.mp4", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2
    error = capsys.readouterr().err
    assert "could not be written" in error and error.count("\n") == 1
    assert [path.name for path in Path(tmp_path / "out").iterdir()] == ["a_overlay.partial.mp4"]


def test_tflite(tmp_path):
    import tiny_models

    from segnet_tf.export.conversion import convert

    (tmp_path / "a.tflite").write_bytes(convert.convert(tiny_models.two_stages(), tiny_models.SIZE))
    write(tmp_path / "a.mp4", moving(3))
    assert run(str(tmp_path / "a.tflite"), tmp_path / "a.mp4", tmp_path, "--limit", "2") == 0
    assert len(read(tmp_path / "a_overlay.mp4")[0]) == 2
