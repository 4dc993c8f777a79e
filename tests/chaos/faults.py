"""What happens to a command: a kill, a full or broken disk, one that is read only, two at once.

The error of a disk is one of `os.fsync` in Python: no file system with faults is installed.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from tests.chaos.children import Child, End, Stop
from tests.chaos.disks import mount, small_disk
from tests.chaos.jobs import THEIRS, Job, prepare

OLD, NEW = 1, 2  # kinds: what is in a folder before, and what is written
LATE = "too late"  # the command had ended before it was to be stopped
_DROPPED = "returned a result with an exception set"  # what Python says of such a callback


class Failed(Exception):
    """A promise that was broken."""


class Trial:
    """Runs a job in folders of its own and judges what is left.

    Args:
        job: to try.
        root: of all files.
        chance: decides what is random.
    """

    def __init__(self, job: Job, root: Path, chance: random.Random) -> None:
        self.job, self.chance, self._root = job, chance, root
        self._number = 0
        self._logs = root / "logs"
        self._logs.mkdir(exist_ok=True)
        self.expected: dict[int, dict[str, object]] = {}
        self.bytes = 0
        for kind in (OLD, NEW):
            folder = root / f"{job.name}-{kind}"
            end = self.child(lambda folder=folder, kind=kind: job.run(folder, kind, False), folder)
            _require(end.code == 0, f"{job.name} fails undisturbed", end)
            self.expected[kind] = job.content(folder)
            self.bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        self._old = root / f"{job.name}-{OLD}"
        # How long it takes and what it does, in a new folder and in place of an earlier one.
        self.undisturbed: dict[bool, End] = {False: end}
        folder = root / f"{job.name}-replaced" / "out"
        folder.parent.mkdir()
        self.fill(folder, True)
        end = self.child(lambda: job.run(folder, NEW, True), folder)
        _require(end.code == 0, f"{job.name} does not replace", end)
        self.judge(folder, True, end)
        self.undisturbed[True] = end

    def child(self, action: Callable[[], int], watched: Path, **options: object) -> End:
        """Runs an action in a child to its end."""
        return self.start(action, watched, **options).wait()

    def start(self, action: Callable[[], int], watched: Path, **options: object) -> Child:
        """Starts an action in a child."""
        self._number += 1

        def prepared() -> int:
            prepare(self._root)
            return action()

        log = self._logs / f"{self.job.name}-{self._number}.txt"
        return Child(prepared, watched, log, **options)  # type: ignore[arg-type]

    def fill(self, folder: Path, with_old: bool) -> None:
        """Puts files of the user into a folder, and what an earlier call has written."""
        if with_old:
            shutil.copytree(self._old, folder, dirs_exist_ok=True)
        if with_old or not self.job.alone:
            for name, content in THEIRS.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)

    def judge(self, folder: Path, with_old: bool, end: End) -> None:
        """Each file is whole, the old one or the new one, and those of the user are there."""
        if with_old or not self.job.alone:
            for name, content in THEIRS.items():
                _require((folder / name).read_bytes() == content, f"{name} was touched", end)
        try:
            found = self.job.content(folder) if folder.exists() else {}
        except Exception as error:
            raise Failed(f"a file is not whole: {error!r}\n{end.said[-2000:]}") from error
        if self.job.name in ("train", "shard"):
            return  # their files change from epoch to epoch, or say what is unfinished
        kinds = (OLD, NEW) if with_old else (NEW,)
        for name, content in found.items():
            allowed = [self.expected[kind].get(name) for kind in kinds]
            _require(content in allowed, f"{name} is neither the old nor the new one", end)

    def finish(self, folder: Path, with_old: bool) -> None:
        """Calls the command again: it ends with what it writes undisturbed, and nothing beside."""
        end = self.child(lambda: self.job.goes_on(folder, NEW), folder)
        _require(end.code == 0, "the command does not go on", end)
        self.judge(folder, with_old, end)
        found, expected = self.job.content(folder), self.expected[NEW]
        differ = sorted(
            name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
        )
        _require(not differ, f"other content than undisturbed: {', '.join(differ)}", end)
        self.require_clean(folder, end)

    def require_clean(self, folder: Path, end: End) -> None:
        """Nothing is left of files that were being written, in the folder and beside it."""
        places = [folder.parent, *folder.parent.rglob("*")]
        left = [
            path.name
            for path in places
            if path.name.startswith(".segnet_tf-") and not path.name.endswith("web.json")
        ]
        left += [path.name for path in folder.rglob(".segnet_tf.lock")]
        _require(not left, f"left behind: {', '.join(left)}", end)


def kill(trial: Trial, folder: Path, with_old: bool) -> str:
    """SIGKILL, by the clock or at an operation on a file, then the command again."""
    end = _stopped(trial, folder, with_old, signal.SIGKILL)
    _require(end.code in (0, -signal.SIGKILL), "another end than by the kill", end)
    trial.judge(folder, with_old, end)
    trial.finish(folder, with_old)
    return "killed" if end.code else LATE


def terminate(trial: Trial, folder: Path, with_old: bool) -> str:
    """SIGTERM: it cleans up, says so in one line, and the command again goes on."""
    end = _stopped(trial, folder, with_old, signal.SIGTERM)
    # Before the command has begun, the system ends it.
    _require(end.code in (0, 143, -signal.SIGTERM), "another end than by SIGTERM", end)
    # What is raised in a callback of TensorFlow's C++ is printed there, and the signal sent again.
    _require("Traceback" not in end.said or _DROPPED in end.said, "a traceback", end)
    trial.judge(folder, with_old, end)
    if end.code == 143 and folder.parent.exists():
        trial.require_clean(folder, end)
    trial.finish(folder, with_old)
    return "terminated" if end.code else LATE


def fill_disk(trial: Trial, folder: Path, with_old: bool) -> str:
    """A disk that is full after a random number of bytes, then one that is not."""
    trial.fill(folder, with_old)
    room = trial.chance.randrange(1, int(1.3 * trial.bytes))
    with small_disk(folder, room) as (limit, enlarge):
        end = trial.child(lambda: trial.job.run(folder, NEW, with_old), folder, largest_file=limit)
        _require(end.code in (0, 2), "another end than in one line", end)
        _require("Traceback" not in end.said, "a traceback", end)
        trial.judge(folder, with_old, end)
        trial.require_clean(folder, end)
        enlarge()
        if end.code:
            trial.finish(folder, with_old)
    return "full" if end.code else "fitted"


def fail_flush(trial: Trial, folder: Path, with_old: bool) -> str:
    """A disk that has an error (EIO) when a random file or folder is flushed to it."""
    trial.fill(folder, with_old)
    at = trial.chance.randint(1, 12)

    def action() -> int:
        flush, calls = os.fsync, itertools.count(1)

        def failing(descriptor: int) -> None:
            if next(calls) == at:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            flush(descriptor)

        os.fsync = failing
        return trial.job.run(folder, NEW, with_old)

    end = trial.child(action, folder)
    _require(end.code in (0, 2) and "Traceback" not in end.said, "no end in one line", end)
    trial.judge(folder, with_old, end)
    if end.code:
        trial.finish(folder, with_old)
    return "failed" if end.code else "went on"


def read_only(trial: Trial, folder: Path, with_old: bool) -> str:
    """A disk that cannot be written: one line, and nothing is changed."""
    trial.fill(folder, with_old)
    with small_disk(folder, 64 * trial.bytes) as (_, _enlarge):
        if not os.path.ismount(folder.parent):
            return "skipped: needs root and mount"
        before = _snapshot(folder)
        mount("remount,ro", folder.parent)
        end = trial.child(lambda: trial.job.run(folder, NEW, with_old), folder)
        mount("remount,rw", folder.parent)
        _require(end.code == 2 and "Traceback" not in end.said, "no error in one line", end)
        _require(_snapshot(folder) == before, "something was changed", end)
        trial.finish(folder, with_old)
    return "refused"


def two_writers(trial: Trial, folder: Path, with_old: bool) -> str:
    """Two at once: one of them at least does its work, the other one too or says why not."""
    trial.fill(folder, with_old)
    both = [trial.start(lambda: trial.job.run(folder, NEW, with_old), folder) for _ in range(2)]
    ends = [child.wait() for child in both]
    codes = sorted(end.code for end in ends)
    _require(codes in ([0, 0], [0, 2]), "another end than one or two that work", ends[1])
    trial.judge(folder, with_old, ends[0])
    found = trial.job.content(folder)
    _require(found == trial.expected[NEW], "other content than of one writer", ends[0])
    trial.require_clean(folder, ends[0])
    return "both worked" if codes[1] == 0 else "one was refused"


def _stopped(trial: Trial, folder: Path, with_old: bool, number: int) -> End:
    trial.fill(folder, with_old)
    chance = trial.chance
    usual = trial.undisturbed[with_old]
    if chance.random() < 0.5:
        stop = Stop(number, chance.uniform(0, usual.seconds))
    else:
        later = chance.choice((0.0, chance.uniform(0, 0.01)))
        stop = Stop(number, later, chance.randint(1, usual.operations))
    return trial.child(lambda: trial.job.run(folder, NEW, with_old), folder, stop=stop)


def _snapshot(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


def _require(holds: bool, promise: str, end: End) -> None:
    if not holds:
        raise Failed(f"{promise} (exit code {end.code})\n{end.said[-2000:]}")
