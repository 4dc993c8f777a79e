"""A .keras file of the same content has the same bytes, whenever it was written."""

from __future__ import annotations

import time
import zipfile

import pytest

from segnet_tf.system.zip_files import dated_alike

ENTRIES = {
    "config.json": b'{"date_saved": "2001-01-01@00:00:00"}',  # no business of ours
    "metadata.json": b'{"keras_version": "3.15.1", "date_saved": "%s"}',
    "model.weights.h5": bytes(range(256)) * 9,
}


def save(path, date, names):
    """What Keras does: entries as they are, the date in one of them."""
    with dated_alike(path), zipfile.ZipFile(path, "w") as archive:
        for name in names:
            with archive.open(name, "w") as file:
                file.write(ENTRIES[name].replace(b"%s", date))
    return path.read_bytes()


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (0, 2, 1)])
def test_the_same_content_gives_the_same_bytes(tmp_path, order):
    names = [list(ENTRIES)[place] for place in order]
    first = save(tmp_path / "a.keras", b"2026-11-30@10:40:03", names)
    time.sleep(0.01)
    assert save(tmp_path / "b.keras", b"2027-01-02@03:04:05", names) == first
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert archive.testzip() is None  # each checksum is that of its entry
        for name in names:
            date = b"1980-01-01@00:00:00"
            assert archive.read(name) == ENTRIES[name].replace(b"%s", date)


def test_another_form_of_date_is_left(tmp_path):
    save(tmp_path / "a.keras", b"yesterday", list(ENTRIES))
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert b"yesterday" in archive.read("metadata.json") and archive.testzip() is None
