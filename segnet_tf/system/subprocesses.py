"""Runs a program in a subprocess: if it crashes, as on a bad .tflite file, this process goes on."""

from __future__ import annotations

import ctypes
import dataclasses
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

from segnet_tf.errors import UserError

# prctl(2), linux/prctl.h
_PR_SET_PDEATHSIG = 1
# Of what `follow` shows, for the reason of a failure.
_LINES_KEPT = 50


@dataclasses.dataclass(frozen=True)
class Finished:
    """How a program finished.

    Attributes:
        code: its exit code, negative for a signal.
        log: what it wrote to stderr, of a long one the last lines.
        said: what it wrote to stdout; "" of `follow`.
    """

    code: int
    log: str
    said: str = ""

    @property
    def last_line(self) -> str:
        """Its last line on stderr, without a full stop."""
        return (self.log.strip().splitlines() or ["nothing on stderr"])[-1].rstrip(".")


def run(
    command: list[str],
    *,
    seconds: float,
    how: str,
    advice: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> Finished:
    """Runs a program and waits until it finishes.

    Args:
        command: the program and its arguments.
        seconds: to wait at most.
        how: completes the error for a file that takes longer, "must run `how` within ...".
        advice: the last sentence of that error, what the user can do.
        cwd: the folder to run in.
        env: its whole environment; `None` for that of this process.

    Raises:
        UserError: it took longer than `seconds` and was killed.
    """
    try:
        finished = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            errors="replace",  # names out of a damaged file may be any bytes
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"`tflite` must run {how} within {seconds:g} s. Received: one that does not. {advice}"
        ) from error
    return Finished(finished.returncode, finished.stderr, finished.stdout)


def follow(
    command: list[str], *, env: dict[str, str] | None = None, shown: bool = True
) -> Finished:
    """Runs a program that may take hours: all that it says is shown on stderr while it says it.

    It is killed when this process ends, however that ends: `kill -9` of a long job must not leave
    a part of it at work.

    Args:
        command: the program and its arguments.
        env: its whole environment; `None` for that of this process.
        shown: False shows nothing; the result has the last lines all the same.
    """
    with subprocess.Popen(
        command,
        env=env,
        stdout=2 if shown else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=end_with_parent,
    ) as process:
        assert process.stderr is not None
        try:
            lines: deque[str] = deque(maxlen=_LINES_KEPT)
            for line in process.stderr:
                if shown:
                    sys.stderr.write(line)
                    sys.stderr.flush()
                lines.append(line)
        except BaseException:
            process.kill()
            raise
    return Finished(process.returncode, "".join(lines))


def end_with_parent() -> None:
    """Asks the kernel to kill this process when the one that started it ends; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
