"""Files are whole or not there, whatever stops their writer; nobody else's file is touched."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from segnet_tf.errors import UserError
from segnet_tf.system import atomic_files
from segnet_tf.system.atomic_files import replacing


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, text="new"):
    with replacing(path) as aside:
        aside.write_text(text)


def in_a_fork(action) -> int:
    """Runs `action` in a forked process; its exit code, negative for a signal."""
    child = multiprocessing.get_context("fork").Process(target=action)
    child.start()
    child.join(60)
    return child.exitcode


def killed_while_writing(path):
    def action():
        atomic_files._cleaned.clear()
        with replacing(path) as aside:
            aside.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_fork(action) == -signal.SIGKILL


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch):
    monkeypatch.setattr(atomic_files, "_cleaned", set())


def test_the_name_aside_is_in_the_folder_has_the_suffix_and_is_another_each_time(tmp_path):
    with replacing(tmp_path / "a.keras") as first, replacing(tmp_path / "a.keras") as second:
        assert first.parent == second.parent == tmp_path
        assert first.suffix == second.suffix == ".keras" and first != second
        first.write_text("1")
        second.write_text("2")
    assert names(tmp_path) == ["a.keras"]
    assert (tmp_path / "a.keras").read_text() == "1"


def test_files_of_the_user_that_look_like_ours_stay(tmp_path):
    theirs = (".a.partial.json", "a.json.partial", ".segnet_tf-notes.partial.json")
    for name in theirs:
        (tmp_path / name).write_text("mine")
    write(tmp_path / "a.json")
    assert names(tmp_path) == sorted([*theirs, "a.json"])
    assert {(tmp_path / name).read_text() for name in theirs} == {"mine"}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_keeps_its_mode(mode, tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    path.chmod(mode)
    with replacing(path) as aside:
        # Nobody reads in it before it has the mode of the file that it replaces.
        assert stat.S_IMODE(aside.stat().st_mode) == 0o600
        aside.write_text("new")
    assert stat.S_IMODE(path.stat().st_mode) == mode and path.read_text() == "new"


def test_a_new_file_has_the_mode_of_new_files(tmp_path):
    write(tmp_path / "a.json")
    (tmp_path / "b.json").touch()
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "b.json").stat().st_mode


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("there/real.json")
    (tmp_path / "new.json").symlink_to("there/missing.json")
    with replacing(tmp_path / "link.json") as aside:
        assert aside.parent == tmp_path / "there"
        aside.write_text("new")
    write(tmp_path / "new.json")
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "new.json").is_symlink()
    assert names(tmp_path / "there") == ["missing.json", "real.json"]
    assert (tmp_path / "there" / "real.json").read_text() == "new"


@pytest.mark.parametrize("kind", ["folder", "fifo", "device", "loop", "stdout"])
def test_only_ordinary_files_are_replaced(kind, tmp_path):
    path = tmp_path / "a.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to(os.devnull)
    elif kind == "loop":
        path.symlink_to("a.json")
    else:
        path = Path("/dev/stdout")
    before = os.lstat(path).st_ino, names(tmp_path)
    with pytest.raises(UserError) as caught:
        write(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert (os.lstat(path).st_ino, names(tmp_path)) == before


def test_a_link_that_is_planted_meanwhile_is_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    with pytest.raises(UserError, match=r"a\.json. could not be written"):
        with replacing(tmp_path / "a.json") as aside:
            aside.unlink()
            aside.symlink_to(victim)
    assert victim.read_text() == "theirs"
    assert names(tmp_path) == ["victim"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("no"), ZeroDivisionError()])
def test_nothing_is_left_after_an_error(error, tmp_path):
    with pytest.raises(type(error)):
        with replacing(tmp_path / "a.json") as aside:
            aside.write_text("half")
            raise error
    assert not names(tmp_path)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_line_and_the_old_file_stays(call, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a.json").write_text("old")
    monkeypatch.setattr(atomic_files.os, call, full)
    with pytest.raises(UserError, match="a.json.*No space left.*previous file is intact"):
        write(tmp_path / "a.json")
    assert names(tmp_path) == ["a.json"] and (tmp_path / "a.json").read_text() == "old"


def test_file_and_folder_reach_the_disk_in_that_order(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace

    def flush(number):
        done.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
        fsync(number)

    def rename(*arguments):
        done.append("rename")
        replace(*arguments)

    monkeypatch.setattr(atomic_files.os, "fsync", flush)
    monkeypatch.setattr(atomic_files.os, "replace", rename)
    write(tmp_path / "a.json")
    assert done == ["file", "rename", "folder"]


def test_the_next_process_removes_what_a_killed_one_left(tmp_path):
    killed_while_writing(tmp_path / "a.json")
    assert len(names(tmp_path)) == 1 and atomic_files.is_leftover(names(tmp_path)[0])
    write(tmp_path / "b.json")
    assert names(tmp_path) == ["b.json"]


def test_what_a_living_process_writes_is_not_removed(tmp_path):
    with replacing(tmp_path / "a.json") as aside:
        aside.write_text("slow")
        atomic_files._cleaned.clear()
        write(tmp_path / "b.json")
        assert aside.read_text() == "slow"
    assert names(tmp_path) == ["a.json", "b.json"]


def test_a_temporary_folder_goes_with_its_process(tmp_path):
    def action():
        with atomic_files.temporary_folder(tmp_path) as folder:
            (folder / "half").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_fork(action) == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    (left / "link").symlink_to("/")
    with atomic_files.temporary_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
        atomic_files._cleaned.clear()
        write(tmp_path / "a.json")
        assert folder.exists()
    assert names(tmp_path) == ["a.json"]


def test_two_writers_never_tear_a_file(tmp_path):
    path = tmp_path / "a.txt"
    texts = ["a" * 50_000, "b" * 70_000]
    path.write_text(texts[0])
    stop = threading.Event()
    torn = []

    def look():
        while not stop.is_set():
            if path.read_text() not in texts:
                torn.append(1)

    def action(text):
        atomic_files._cleaned.clear()
        for _ in range(60):
            write(path, text)

    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=action, args=(text,)) for text in texts]
    for writer in writers:
        writer.start()
    reader = threading.Thread(target=look)
    reader.start()
    for writer in writers:
        writer.join(60)
    stop.set()
    reader.join()
    assert not torn and [writer.exitcode for writer in writers] == [0, 0]
    assert names(tmp_path) == ["a.txt"]
