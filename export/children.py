"""Runs a program that runs a .tflite file, so that what ends it does not end us."""

from __future__ import annotations

import subprocess
from pathlib import Path

from segnet_tf.errors import UserError


def run(
    command: list[str],
    *,
    seconds: float,
    how: str,
    advice: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Waits for a program to end.

    Args:
        command: the program and its arguments.
        seconds: to wait at most.
        how: the rule that a file which takes longer breaks, as in "must run `how` within ...".
        advice: the way out of that.
        cwd: the folder to run in.
        env: its whole environment; `None` for ours.

    Returns:
        Its exit code and the last line that it said on stderr.

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
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"`tflite` must run {how} within {seconds:g} s. Received: one that does not. {advice}"
        ) from error
    return child.returncode, (child.stderr.strip().splitlines() or ["nothing"])[-1]
