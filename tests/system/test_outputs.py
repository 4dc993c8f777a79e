"""What may be written where."""

from __future__ import annotations

import os

import pytest

from segnet_tf.errors import UserError
from segnet_tf.system import outputs


def test_a_new_file_and_none_are_fine(tmp_path):
    outputs.check_file(tmp_path / "new.json", overwrite=False)
    outputs.check_file(None, overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_needs_overwrite(tmp_path):
    (tmp_path / "old").touch()
    with pytest.raises(UserError, match=r"`--json` must be a new file.*old, which exists.*--overw"):
        outputs.check_file(tmp_path / "old", False, "--json")
    outputs.check_file(tmp_path / "old", True, "--json")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".", "a folder. Name a file in it"),
        ("none/x", "Make .*none first"),
        ("file/x", "existing folder"),
        ("n" * 300, "File name too long"),
    ],
)
def test_what_can_never_be_written(tmp_path, name, message):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=message):
        outputs.check_file(tmp_path / name, overwrite=True)


def test_a_folder_keeps_its_files(tmp_path):
    (tmp_path / "b.png").touch()
    with pytest.raises(UserError, match=r"with b\.png\. Pass overwrite=True \(--overwrite\)"):
        outputs.check_folder(tmp_path, ["a.png", "b.png"], overwrite=False)
    outputs.check_folder(tmp_path, ["a.png", "b.png"], overwrite=True)
    outputs.check_folder(tmp_path / "new", ["a.png"], overwrite=False)
    with pytest.raises(UserError, match="must be a folder"):
        outputs.check_folder(tmp_path / "b.png", [], overwrite=True)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="must be a folder that can be written"):
        outputs.make_folder(tmp_path / "file" / "sub")
    outputs.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A folder that cannot be written; for root, who may write anywhere, it is only said so."""
    folder = tmp_path / "closed"
    folder.mkdir()
    access = os.access
    monkeypatch.setattr(
        outputs.os, "access", lambda path, how: folder != path and access(path, how)
    )
    return folder


def test_what_may_not_be_written_is_told_before_the_work(read_only):
    with pytest.raises(UserError, match=r"`--json` must be in a folder that can be written"):
        outputs.check_file(read_only / "a.json", True, "--json")
    for folder in (read_only, read_only / "a" / "b"):
        with pytest.raises(UserError, match="`output` must be a folder that can be written"):
            outputs.check_folder(folder, ["a.png"], overwrite=True)


def test_a_device_is_no_output(tmp_path):
    with pytest.raises(UserError, match=r"`--json` must be an ordinary file.*/dev/null"):
        outputs.check_file("/dev/null", True, "--json")
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"must be an ordinary file.*a\.png"):
        outputs.check_folder(tmp_path, ["a.png"], overwrite=True)


def test_a_link_to_a_file_that_is_not_there_is_a_new_file(tmp_path):
    (tmp_path / "a.json").symlink_to("b.json")
    outputs.check_file(tmp_path / "a.json", overwrite=False)
    (tmp_path / "c.json").symlink_to("none/b.json")
    with pytest.raises(UserError, match="must be in an existing folder"):
        outputs.check_file(tmp_path / "c.json", overwrite=False)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/x",
        "a/b",
        "../x",
        "a\\b",
        "a\0b",
        "a\nb",
        "\x1b[2J",
        "~/x\ud800",
        3,
        None,
    ],
)
def test_names_out_of_files_name_a_file_in_the_output(name):
    with pytest.raises(UserError, match="`model` in config.json must be a plain name") as caught:
        outputs.require_plain_name(name, "model", "config.json")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["segnet_lite", "a.b-c", "Straße", "..a", "a b"])
def test_plain_names(name):
    assert outputs.require_plain_name(name, "model", "config.json") == name
