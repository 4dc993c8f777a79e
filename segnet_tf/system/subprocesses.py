"""Runs a program that runs a .tflite file, so that what ends it does not end us."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

from segnet_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        code: its exit code, negative for a signal.
        log: all that it wrote to stderr.
    """

    code: int
    log: str

    @property
    def said(self) -> str:
        """Its last line on stderr, without a full stop."""
        return (self.log.strip().splitlines() or ["nothing"])[-1].rstrip(".")


def run(
    command: list[str],
    *,
    seconds: float,
    how: str,
    advice: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> Ended:
    """Waits for a program to end.

    Args:
        command: the program and its arguments.
        seconds: to wait at most.
        how: the rule that a file which takes longer breaks, as in "must run `how` within ...".
        advice: the way out of that.
        cwd: the folder to run in.
        env: its whole environment; `None` for ours.

    Raises:
        UserError: it took longer than `seconds` and has been ended.
    """
    try:
        child = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            errors="replace",  # a damaged file's names are said as they are
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"`tflite` must run {how} within {seconds:g} s. Received: one that does not. {advice}"
        ) from error
    return Ended(child.returncode, child.stderr)
