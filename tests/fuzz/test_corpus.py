"""Inputs that a reader once did not refuse well, each read again; `make fuzz` in small."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz.readers import check
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
CORPUS = sorted(path for path in Path(__file__).with_name("corpus").rglob("*") if path.is_file())
# Refuses no class file, and takes no time to say so.
CARELESS = """
import sys
from segnet_tf.data import class_file
class_file.load = lambda path: {}[path]
from tests.fuzz.worker import main
sys.exit(main(sys.argv[1:]))
"""


def test_there_is_a_corpus():
    assert len(CORPUS) > 12
    assert {path.parent.name for path in CORPUS} <= set(TARGETS)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_once(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check(TARGETS[path.parent.name].read, path.read_bytes())
    assert time.perf_counter() - began < 5
    # In KB. What a reader imports is a part of it.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20


@pytest.mark.slow
def test_a_failure_is_told(tmp_path):
    """Its kind and the smallest input of it, by a reader that raises KeyError."""
    done = subprocess.run(
        [sys.executable, "-c", CARELESS, "class-files", "30", "0", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert '"taken": 0' in done.stdout and "KeyError at " in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_reader_refuses_well(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "2000", "--keep", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" inputs, 0 kinds of failures\n")
    assert all(name in done.stdout for name in TARGETS)
