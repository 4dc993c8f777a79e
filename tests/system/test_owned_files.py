"""Files that a command writes anew each time: all of them or none, and nobody else's is touched."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import signal

import pytest

from segnet_tf.errors import UserError
from segnet_tf.system import atomic_files, owned_files
from segnet_tf.system.owned_files import replace_owned


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def digests(files):
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}


def put(folder, files, owned=()):
    replace_owned(folder, {name: text.encode() for name, text in files.items()}, dict(owned))


OLD = {"list": "old", "a": "old a", "sub/b": "old b"}
NEW = {"list": "new", "a": "new a", "sub/c": "new c"}


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch):
    monkeypatch.setattr(atomic_files, "_cleaned", set())


@pytest.fixture
def folder(tmp_path):
    put(tmp_path / "out", OLD)
    return tmp_path / "out"


def test_new_files_take_the_place_of_earlier_ones(folder):
    (folder / "mine").write_text("mine")
    (folder / "sub" / "mine").write_text("mine")
    put(folder, NEW, digests(OLD))
    assert content(folder) == {**NEW, "mine": "mine", "sub/mine": "mine"}


def test_a_folder_that_is_empty_now_is_removed(folder):
    put(folder, {"list": "x"}, digests(OLD))
    assert [path.name for path in folder.iterdir()] == ["list"]


def test_an_earlier_file_that_the_user_has_changed_stays(folder):
    (folder / "sub" / "b").write_text("mine")
    put(folder, NEW, digests(OLD))
    assert content(folder) == {**NEW, "sub/b": "mine"}


def test_a_file_of_another_is_not_replaced(folder):
    (folder / "sub" / "c").write_text("theirs")
    with pytest.raises(UserError, match=r"`output` must not hold files of others.*sub/c"):
        put(folder, NEW, digests(OLD))
    assert content(folder) == {**OLD, "sub/c": "theirs"}


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", ".", "a//b", "a\nb"])
def test_names_out_of_a_list_stay_in_the_folder(name, folder, tmp_path):
    (tmp_path / "x").write_text("theirs")
    with pytest.raises(UserError, match="must be a plain name"):
        put(folder, NEW, digests(OLD) | {name: digests({"x": "theirs"})["x"]})
    assert content(folder) == OLD and (tmp_path / "x").exists()


def test_a_link_in_place_of_an_earlier_file_is_no_way_out(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b").write_text("old b")
    (folder / "sub" / "b").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="must not hold files of others.*sub"):
        put(folder, NEW, digests(OLD))
    assert content(tmp_path / "elsewhere") == {"b": "old b"}


@pytest.mark.parametrize("at", range(1, 5))
def test_a_full_disk_changes_nothing(at, folder, monkeypatch):
    flush, calls = os.fsync, []

    def full(descriptor):
        calls.append(1)
        if len(calls) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(descriptor)

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(UserError, match="could not be written.*No space left"):
        put(folder, NEW, digests(OLD))
    assert content(folder) == OLD


@pytest.mark.slow
def test_after_a_kill_at_any_moment_each_file_is_whole_and_the_next_call_ends_it(tmp_path):
    calls = 0
    for at in range(1, 40):
        folder = tmp_path / str(at)
        put(folder, OLD)
        (folder / "mine").write_text("mine")

        def action(folder=folder, at=at):
            def killing(real):
                def call(*arguments, **options):
                    nonlocal calls
                    calls += 1
                    if calls == at:
                        os.kill(os.getpid(), signal.SIGKILL)
                    real(*arguments, **options)

                return call

            for name in ("replace", "unlink", "fsync"):
                setattr(os, name, killing(getattr(os, name)))
            put(folder, NEW, digests(OLD))

        child = multiprocessing.get_context("fork").Process(target=action)
        child.start()
        child.join(60)
        found = content(folder)
        assert found.pop("mine") == "mine"
        ours = {k: v for k, v in found.items() if not k.rpartition("/")[2].startswith(".segnet_tf")}
        assert all(text in (OLD.get(name), NEW.get(name)) for name, text in ours.items())
        assert "list" in ours and "a" in ours
        listed = digests(OLD if ours["list"] == "old" else NEW)
        atomic_files._cleaned.clear()
        put(folder, {"list": "3", "a": "3"}, listed)
        assert content(folder) == {"list": "3", "a": "3", "mine": "mine"}, at
        if child.exitcode == 0:
            break
    assert at > 15 and child.exitcode == 0


def test_a_second_writer_is_refused(folder):
    with owned_files.only_writer(folder, "output"):
        with pytest.raises(UserError, match=f"held by process {os.getpid()} "):
            put(folder, NEW, digests(OLD))
    assert content(folder) == OLD
