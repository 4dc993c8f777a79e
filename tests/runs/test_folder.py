"""A run folder has one process at a time, and after any kill it goes on or starts anew."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal

import pytest
from tiny_run import record_of

from segnet_tf.errors import UserError
from segnet_tf.runs import folder as folders
from segnet_tf.system import atomic_files, locks
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import is_unused


def killed(action):
    """Does `action` in a forked process, which is to end by SIGKILL."""
    child = multiprocessing.get_context("fork").Process(target=action)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def begin(folder, overwrite=False):
    with folders.new_run(folder, overwrite):
        folders.empty(folder)
        write_json(folder / "config.json", record_of(3, (8, 8)))


def test_a_new_run_makes_its_folder(tmp_path):
    begin(tmp_path / "a" / "run")
    assert names(tmp_path / "a" / "run") == ["config.json"]
    assert not is_unused(tmp_path / "a" / "run")


def test_a_refusal_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match="bad data"):
        with folders.new_run(tmp_path / "a" / "run", False):
            raise UserError("bad data")
    assert not names(tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(KeyboardInterrupt):
        with folders.new_run(tmp_path / "mine", False):
            raise KeyboardInterrupt
    assert names(tmp_path) == ["mine"]


def test_a_kill_while_config_json_is_written_leaves_a_new_folder(tmp_path, monkeypatch):
    run = tmp_path / "run"

    def kill(*arguments):
        os.kill(os.getpid(), signal.SIGKILL)

    def action():
        monkeypatch.setattr(atomic_files.os, "replace", kill)
        begin(run)

    killed(action)
    assert len(names(run)) == 2  # the lock, and half a config.json
    assert is_unused(run)
    monkeypatch.setattr(atomic_files, "_cleaned", set())
    begin(run)
    assert names(run) == ["config.json"]


def test_a_kill_while_a_run_is_replaced_leaves_one_that_goes_on_or_starts_anew(tmp_path):
    run = tmp_path / "run"
    removed = []

    def action():
        unlink = type(run).unlink

        def stop(path, **options):
            if path.name == "best.keras":
                os.kill(os.getpid(), signal.SIGKILL)
            unlink(path, **options)

        type(run).unlink = stop
        begin(run, overwrite=True)

    begin(run)
    for name in ("last.keras", "best.keras", "scores.json", "mine.txt"):
        (run / name).touch()
    killed(action)
    # With config.json it can be resumed; without last.keras it does so from the start.
    assert json.loads((run / "config.json").read_text())["num_classes"] == 3
    assert "last.keras" not in names(run), removed
    begin(run, overwrite=True)
    assert names(run) == ["config.json", "mine.txt"]


def test_a_second_process_is_refused_also_with_overwrite(tmp_path):
    run = tmp_path / "run"
    with folders.new_run(run, False):
        for overwrite in (False, True):
            with pytest.raises(UserError, match=f"held by process {os.getpid()} "):
                with folders.new_run(run, overwrite):
                    pass
        with pytest.raises(UserError, match="`resume` .*no other process"):
            with folders.resumed_run(run):
                pass
        assert names(run) == [locks.LOCK]


def test_a_run_that_another_process_finished_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    held = locks.only_writer

    def late(folder, argument):
        (folder / "config.json").touch()
        return held(folder, argument)

    monkeypatch.setattr(folders, "only_writer", late)
    with pytest.raises(UserError, match="`output` must be a new or empty folder"):
        begin(tmp_path / "run")


def test_only_a_run_is_replaced(tmp_path):
    (tmp_path / "config.json").write_text('{"name": "an app"}')
    (tmp_path / "log.csv").write_text("mine")
    with pytest.raises(UserError, match="`output` must be a run to replace"):
        begin(tmp_path, overwrite=True)
    assert names(tmp_path) == ["config.json", "log.csv"]
