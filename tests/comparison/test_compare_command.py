"""`segnet-tf compare` as users run it: killed in the middle, called again, with a bad row."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = "out/good/seed0"
TEXT = """
[training]
data = "synthetic:8"
size = [32, 64]
epochs = 15
batch_size = 4
class_weights = "none"
val_every = 15
[score]
splits = ["val", "test"]
[[models]]
name = "good"
model = "segnet_mini"
model_options = { widths = [4, 4, 4, 4, 4] }
[[models]]
name = "bad"
model = "segnet_mini"
class_weights = "1,2"
"""


def started(folder, *options):
    command = [sys.executable, "-m", "segnet_tf", "compare", "--config", str(folder / "mine.toml")]
    return subprocess.Popen(
        [*command, "--output", str(folder / "out"), "--seconds", "0.1", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(folder, *options):
    with started(folder, *options) as process:
        out, said = process.communicate()
    return process.returncode, out, said


def processes_with(word):
    """The command lines of running processes that have `word` in them."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended
            continue
    return [line for line in lines if word in line]


# Three tests, so that each is far from the 300 seconds that a test may take on a busy machine.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a comparison that was killed in its first training; the state at that time."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "mine.toml").write_text(TEXT, "utf-8")
    last = folder / RUN / "last.keras"
    with started(folder) as process:
        deadline = time.monotonic() + 120
        while not last.is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        was_training = processes_with(f"--output {folder / RUN}")
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    deadline = time.monotonic() + 10
    while processes_with(str(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = processes_with(str(folder))
    return folder, was_training, left, sorted(path.name for path in (folder / RUN).iterdir())


@pytest.fixture(scope="module")
def resumed(killed):
    return killed[0], *finished(killed[0])


def test_a_killed_comparison_takes_its_training_with_it(killed):
    _, was_training, left, files = killed
    # Two at work on one run would spoil it.
    assert was_training and not left
    assert "last.keras" in files and "scores.json" not in files


def test_it_goes_on_and_a_bad_row_loses_itself_only(resumed):
    folder, code, out, said = resumed
    assert code == 1
    assert "resuming" in said and "after epoch" in said
    assert "bad: seed 0: training: `class_weights` must hold" in out
    content = json.loads((folder / "out" / "comparison.json").read_text("utf-8"))
    rows = {row["name"]: row for row in content["rows"]}
    assert list(rows) == ["good", "bad"]
    assert rows["bad"]["scores"] == {} and len(rows["bad"]["notes"]) == 1
    row = rows["good"]
    assert row["notes"] == [] and row["parameters"] > 0 and row["macs"] > 0
    assert row["step_seconds"] > 0 and row["step_bytes"] > 3e8
    for form in ("float32", "int8"):
        file = row["files"][form]
        assert file["ms"] > 0 and file["arena_bytes"] > 0 and file["ratio"] == 1
    assert set(row["scores"]) == {"val", "test"}
    assert row["scores"]["test"]["int8_drop"] is not None
    assert (folder / "out" / "comparison.png").stat().st_size > 10_000
    assert (folder / "out" / "comparison.md").read_text("utf-8").count("\n| ") == 3
    # The run is one that `segnet-tf evaluate` and the others take.
    assert {"best.keras", "config.json", "log.csv"} <= set(os.listdir(folder / RUN))


def test_what_is_there_is_shown_at_once(resumed):
    folder, _, out, _ = resumed
    code, again, said = finished(folder, "--only", "good")
    assert code == 0 and not said
    assert [line for line in again.splitlines() if line.startswith("good")] == [
        line for line in out.splitlines() if line.startswith("good")
    ]
