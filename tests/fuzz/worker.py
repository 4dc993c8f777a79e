"""Feeds one reader, in a process of its own with bounds on memory and on the time of an input.

    python -m tests.fuzz.worker TARGET COUNT SEED FOLDER

Prints a line of JSON: inputs, how many were taken, failures with the smallest input of each kind.
The input that is being read is in the file `input` of the folder: this process may die of it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.readers import check
from tests.fuzz.targets import TARGETS

# Beside what Python, NumPy and TensorFlow take.
BYTES = 2 * 2**30
# Of processor time, which a busy machine does not lengthen; one that waits for ever is ended by the
# time-out of the process. Four readings of the largest image that is allowed take 5 s.
SECONDS = 20.0


class TooSlow(BaseException):
    """No `except Exception` of a reader takes it."""


def _alarm(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"more than {SECONDS:g} s of processor time")


def _kind(error: BaseException) -> str:
    """Of which kind a failure is: its type and the line of ours that it came through last."""
    root = str(Path(__file__).parents[2])
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(root)]
    ours = [f for f in frames if ".venv" not in f.filename]
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} at {where}: {str(error)[:200]}"


def feed(name: str, count: int, number: int) -> dict[str, object]:
    """Feeds a reader; see the module."""
    target = TARGETS[name]
    inputs = target.inputs()
    failures: dict[str, bytes] = {}
    counts = {"inputs": 0, "taken": 0}
    current = os.open("input", os.O_CREAT | os.O_RDWR)
    signal.signal(signal.SIGPROF, _alarm)

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def one(content: bytes) -> None:
        counts["inputs"] += 1
        os.ftruncate(current, 0)
        os.pwrite(current, content, 0)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            counts["taken"] += check(target.read, content)
        except (Exception, TooSlow) as error:
            kind = _kind(error)
            if kind not in failures or len(content) < len(failures[kind]):
                failures[kind] = content
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    began = time.perf_counter()
    one()
    return {
        **counts,
        "failures": {kind: base64.b64encode(found).decode() for kind, found in failures.items()},
        "seconds": time.perf_counter() - began,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main(arguments: list[str]) -> int:
    """Feeds one reader and prints what came of it."""
    name, count, number = arguments[0], int(arguments[1]), int(arguments[2])
    os.chdir(arguments[3])
    warnings.simplefilter("ignore")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # What a reader imports is no memory of an input.
    with contextlib.suppress(Exception):
        TARGETS[name].read(b"J{}")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
    print(json.dumps(feed(name, count, number)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
