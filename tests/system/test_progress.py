"""How far a loop is: what a terminal shows in the end, and what is left in a log."""

from __future__ import annotations

import io
import os
import shutil

import pytest
from fake_terminal import Terminal, screen

from segnet_tf.system import progress


class Clock:
    """Time that passes only when told to."""

    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def run(stream, monkeypatch, clock, count, seconds, label="reading", **options):
    """What the terminal shows after each item of a loop whose items take `seconds` each."""
    monkeypatch.setattr("sys.stderr", stream)
    shown = []
    for _ in progress.counted(range(count), count, label, **options):
        shown.append(screen(stream.getvalue()))
        clock.now += seconds
    return shown


def test_a_terminal_has_one_line_that_is_removed(monkeypatch, clock):
    stream = Terminal()
    shown = run(stream, monkeypatch, clock, count=4, seconds=0.5)
    assert shown == [
        [""],
        ["reading: 1 of 4 images, 2.0 a second, 0:02 left"],
        ["reading: 2 of 4 images, 2.0 a second, 0:01 left"],
        ["reading: 3 of 4 images, 2.0 a second, 0:00 left"],
    ]
    assert screen(stream.getvalue()) == [""]


def test_a_shorter_line_leaves_nothing_of_the_longer_one(monkeypatch, clock):
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    line = progress.ProgressLine("x")
    for note in ("a long note", "short"):
        clock.now += 1
        line(1, None, note)
    assert screen(stream.getvalue()) == ["x: 1 images, short, 2.0 s each"]


@pytest.mark.parametrize("columns", [80, 200, 50])
def test_the_line_fits_the_terminal(monkeypatch, clock, columns):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 24)))
    stream = Terminal()
    shown = run(stream, monkeypatch, clock, 3, 4000.0, "a label " * 20, unit="steps")
    for lines in shown[1:]:
        assert 30 < len(lines[-1]) < min(80, columns)
        assert lines[-1].endswith(" left")


def test_a_fast_loop_is_not_slowed_by_its_line(monkeypatch, clock):
    stream = Terminal()
    run(stream, monkeypatch, clock, count=1000, seconds=0.001)
    assert 1 < stream.getvalue().count("reading") <= 5


def test_a_log_gets_a_line_now_and_then(monkeypatch, clock):
    stream = io.StringIO()
    run(stream, monkeypatch, clock, count=60, seconds=1.5)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "reading: 14 of 60 images, 1.5 s each, 1:09 left"
    assert len(lines) == 4 and "\r" not in stream.getvalue()
    short = io.StringIO()
    run(short, monkeypatch, clock, count=10, seconds=1.5)
    assert short.getvalue() == ""


def test_a_loop_that_breaks_removes_its_line(monkeypatch, clock):
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    with pytest.raises(ZeroDivisionError), progress.ProgressLine("dividing") as line:
        clock.now += 1
        line(1, 2)
        assert screen(stream.getvalue()) != [""]
        raise ZeroDivisionError
    assert screen(stream.getvalue()) == [""]


def test_a_count_without_end(monkeypatch, clock):
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    line = progress.ProgressLine("predicting", "frames")
    clock.now += 2
    line(50, None)
    assert screen(stream.getvalue()) == ["predicting: 50 frames, 25.0 a second"]
