"""What may be written where."""

from __future__ import annotations

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
