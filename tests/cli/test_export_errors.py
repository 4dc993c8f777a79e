"""Bad input to `segnet-tf export`: one line on stderr, exit code 2, nothing written."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import tiny_models

from segnet_tf.cli.main import main


def refused(capsys, *arguments, code=2):
    """Runs the command, which must end with `code`; gives back its one line on stderr."""
    assert main(["export", *map(str, arguments)]) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert error.startswith("segnet-tf: ")
    return error


@pytest.mark.parametrize("option", ["--output", "--json"])
def test_an_existing_file_is_not_touched_without_overwrite(run, tmp_path, capsys, option):
    file = tmp_path / "there"
    file.write_text("old")
    others = {"--output": tmp_path / "f.tflite", "--json": tmp_path / "r.json", option: file}
    arguments = [part for pair in others.items() for part in pair]
    error = refused(capsys, "--float32", "--model", run, *arguments)
    assert "there, which exists" in error and "--overwrite" in error
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_int8_without_data_is_one_line(run, tmp_path, capsys):
    model = tmp_path / "net.keras"
    shutil.copy(run / "best.keras", model)
    error = refused(capsys, "--int8", "--model", model)
    assert "`data` must be given for int8" in error and "(--data DIR)" in error
    assert [path.name for path in tmp_path.iterdir()] == ["net.keras"]


BAD = {
    "no such model": (["--model", "nowhere"], "nowhere, which does not exist"),
    "no such data": (["--data", "nowhere"], "nowhere"),
    "io without int8": (["--io", "int8"], "leave out io (--io)"),
    "no such ranges": (["--ranges", "nowhere.json"], "nowhere.json"),
    "too small": (["--input-size", "3x48"], "`input_size` must be a size"),
    "no images": (["--calibration-images", "0"], "`calibration_images` must be at least 1"),
    "no limit": (["--limit", "0"], "`limit` must be at least 1"),
    "negative seed": (["--seed", "-1"], "`seed` at least 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(run, tmp_path, capsys, case, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, words = BAD[case]
    # A `--model` that comes later takes the place of the first.
    kind = "--float32" if "--io" in arguments else "--int8"
    error = refused(capsys, kind, "--model", run, "--output", "f.tflite", *arguments)
    assert words in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [[], ["--int8", "--float32"], ["--int8", "--io", "int16"], ["--int8", "--input-size", "48"]],
)
def test_bad_usage_is_one_line(arguments, capsys):
    assert "See `segnet-tf export --help`" in refused(capsys, *arguments)


def test_data_of_other_classes_is_one_line(run, tmp_path, capsys):
    other = tiny_models.two_stages(5)
    other.save(tmp_path / "other.keras")
    error = refused(capsys, "--int8", "--model", tmp_path / "other.keras", "--data", "synthetic:4")
    assert "`data` must have the 5 classes of the model. Received: 11" in error


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("missing/f.tflite", "Make missing first"),
        ("file/f.tflite", "existing folder"),
        ("folder", "folder"),
        ("n" * 300 + ".tflite", "name"),
    ],
)
def test_an_output_that_cannot_be_is_one_line(run, tmp_path, capsys, monkeypatch, output, words):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("folder").mkdir()
    error = refused(capsys, "--float32", "--model", run, "--output", output, "--overwrite")
    assert "`output`" in error and words in error
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}


def test_a_folder_that_cannot_be_written_is_one_line(run, tmp_path, fast, capsys):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        folder = Path("/proc/self")  # the administrator may write anywhere but there
        if not folder.is_dir():
            pytest.skip("needs a folder that cannot be written; this user may write everywhere")
    error = refused(capsys, "--float32", "--model", run, "--output", folder / "f.tflite")
    assert "must be in a folder that can be written" in error


def test_a_full_disk_is_one_line_and_leaves_nothing(run, tmp_path, fast, capsys, monkeypatch):
    def full(self, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    error = refused(capsys, "--float32", "--model", run, "--output", tmp_path / "f.tflite")
    assert "No space left on device" in error
    assert list(tmp_path.iterdir()) == []
