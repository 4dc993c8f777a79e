"""`make chaos` in small, and whether it would notice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FEW = [
    "--kills",
    "3",
    "--terms",
    "2",
    "--full",
    "2",
    "--errors",
    "2",
    "--others",
    "1",
    "--seed",
    "0",
]
# Writes where the file is to be, as one does who has never lost one.
CARELESS = """
import contextlib, pathlib, sys
from segnet_tf.system import atomic_files

@contextlib.contextmanager
def in_place(path, *, durable=True):
    yield pathlib.Path(path)

atomic_files.aside_of = in_place
from tests.chaos.__main__ import main
sys.exit(main(sys.argv[1:]))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def run(*command):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, *command]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("job", ["train", "export", "android-assets", "shard", "web"])
def test_no_promise_is_broken(job):
    done = run("-m", "tests.chaos", *FEW, "--jobs", job)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "3 killed" in done.stdout and done.stdout.endswith("0 failures\n")


def test_a_careless_writer_is_noticed(tmp_path):
    counts = "--kills 0 --terms 0 --full 4 --errors 0 --others 0 --seed 0".split()
    done = run("-c", CARELESS, *counts, "--jobs", "web", "--keep", str(tmp_path))
    assert done.returncode == 1 and "FAILED" in done.stdout, done.stdout + done.stderr[-3000:]
