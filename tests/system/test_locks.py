"""A folder has one writer at a time; the lock says who, and dies with its holder."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal

import pytest

from segnet_tf.errors import UserError
from segnet_tf.system import locks


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of the folder until it is killed."""
    ours, theirs = multiprocessing.Pipe()

    def hold():
        with locks.only_writer(tmp_path, "output"):
            theirs.send("held")
            signal.pause()

    child = multiprocessing.get_context("fork").Process(target=hold)
    child.start()
    assert ours.recv() == "held"
    yield child
    child.kill()
    child.join()


def test_a_second_writer_is_told_who_the_first_one_is(tmp_path, holder):
    with pytest.raises(UserError, match=f"`output` .*process {holder.pid} on .* since ") as caught:
        with locks.only_writer(tmp_path, "output"):
            pass
    assert "\n" not in str(caught.value)


def test_the_lock_of_a_killed_process_is_free(tmp_path, holder):
    holder.kill()
    holder.join()
    assert (tmp_path / locks.LOCK).exists()
    with locks.only_writer(tmp_path, "output"):
        assert f"process {os.getpid()} " in (tmp_path / locks.LOCK).read_text()
    assert not list(tmp_path.iterdir())


def test_also_two_writers_of_one_process(tmp_path):
    with locks.only_writer(tmp_path, "output"):
        with pytest.raises(UserError, match=f"process {os.getpid()} "):
            with locks.only_writer(tmp_path, "output"):
                pass
    with pytest.raises(KeyboardInterrupt):
        with locks.only_writer(tmp_path, "output"):
            raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_lock_that_is_removed_meanwhile_is_made_again(tmp_path, monkeypatch):
    lock = locks.try_lock
    tries = []

    def removed_first(descriptor):
        tries.append(1)
        if len(tries) == 1:
            (tmp_path / locks.LOCK).unlink()  # its holder has finished
        return lock(descriptor)

    monkeypatch.setattr(locks, "try_lock", removed_first)
    with locks.only_writer(tmp_path, "output"):
        assert (tmp_path / locks.LOCK).exists()
    assert len(tries) == 2


def test_a_planted_link_is_not_written_through(tmp_path):
    (tmp_path / "victim").write_text("theirs")
    (tmp_path / locks.LOCK).symlink_to("victim")
    with pytest.raises(UserError, match="`output` must be a folder that can be written"):
        with locks.only_writer(tmp_path, "output"):
            pass
    assert (tmp_path / "victim").read_text() == "theirs"


def test_a_file_system_without_locks_stops_nothing(tmp_path, monkeypatch):
    def none(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", none)
    with locks.only_writer(tmp_path, "output"):
        pass
    assert not list(tmp_path.iterdir())
