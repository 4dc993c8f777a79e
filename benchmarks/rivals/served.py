"""A subprocess that answers lines of JSON: it is asked for one run at a time while others wait."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError

BENCHMARKS = Path(__file__).resolve().parents[1]


class Served:
    """`python -m MODULE` that reads a line of JSON, says when it is ready, then answers questions.

    Args:
        module: of the program, such as "rivals.torch_runner".
        request: what it is to serve.
        environment: added to that of this process.
    """

    def __init__(
        self, module: str, request: Mapping[str, Any], environment: Mapping[str, str] | None = None
    ) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=BENCHMARKS,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(request)

    @functools.cached_property
    def ready(self) -> dict[str, Any]:
        """What it said first; waits for it, so that several processes can start at a time."""
        return self._hear()

    def ask(self, question: Any) -> dict[str, Any]:
        """The answer to a question, both JSON."""
        assert self.ready is not None
        self._say(question)
        return self._hear()

    def _say(self, question: Any) -> None:
        assert self._process.stdin is not None
        # A process that has ended is found out by the missing answer.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            return json.loads(self._process.stdout.readline())
        except ValueError as error:
            raise UserError(
                f"`{self._module}` must be able to run the network. Received: its process failed, "
                "see above. Give a smaller --size, or leave it out."
            ) from error

    def close(self) -> None:
        """Lets the subprocess end and waits for it."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()


def questions() -> Iterator[Any]:
    """What the process is asked, in the subprocess: the request first."""
    for line in sys.stdin:
        yield json.loads(line)


def answer(content: Mapping[str, Any]) -> None:
    """Answers a question, in the subprocess."""
    print(json.dumps(content), flush=True)
