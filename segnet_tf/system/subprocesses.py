"""Runs a program in a subprocess: if a .tflite file crashes it, this process goes on."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

from segnet_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Finished:
    """How a program finished.

    Attributes:
        code: its exit code, negative for a signal.
        log: all that it wrote to stderr.
    """

    code: int
    log: str

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
    return Finished(finished.returncode, finished.stderr)
