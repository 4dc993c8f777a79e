"""Commands in forked children of one process that has imported TensorFlow, and their ends.

Importing TensorFlow takes longer than the commands here. A child that is forked before TensorFlow
has computed anything is as a new process: its parent must never compute.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

# What Python does to files, as it tells its audit hooks: a rename both names, `open` the path, the
# mode and the flags.
_EVENTS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
_CRASHED = 70


@dataclasses.dataclass(frozen=True)
class End:
    """How a child ended.

    Attributes:
        code: its exit code, negative for a signal.
        said: what it wrote to standard output and error.
        seconds: how long it took.
        operations: what it did to files in the folder that was watched.
    """

    code: int
    said: str
    seconds: float
    operations: int


@dataclasses.dataclass(frozen=True)
class Stop:
    """When and how a child is stopped: at a time, or after so many operations on files.

    Attributes:
        number: of the signal.
        seconds: after the start, or after the operation.
        operation: from 1; None for a time alone.
    """

    number: int
    seconds: float
    operation: int | None = None


class Child:
    """A command that runs in a forked child.

    Args:
        action: gives the exit code.
        watched: the folder whose operations are counted.
        log: the file of its output; the number of operations goes beside it.
        stop: what stops it, None for nothing.
        largest_file: in bytes, None for any.
    """

    def __init__(
        self,
        action: Callable[[], int],
        watched: Path,
        log: Path,
        stop: Stop | None = None,
        largest_file: int | None = None,
    ) -> None:
        self._log, self._count, self._stop = log, log.with_suffix(".count"), stop
        self._began = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            self._run(action, watched, largest_file)
        # Means this child also when its number is that of another process.
        self._handle = os.pidfd_open(self.pid)
        self._timer: threading.Timer | None = None
        if stop is not None and stop.operation is None:
            self._timer = threading.Timer(stop.seconds, self._end, [stop.number])
            self._timer.start()

    def _end(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            signal.pidfd_send_signal(self._handle, number)

    def _run(self, action: Callable[[], int], watched: Path, largest_file: int | None) -> None:
        code = _CRASHED
        try:
            output = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
            if largest_file is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
            operations = _count_operations(watched, self._stop)
            code = action()
            # A file that the limit above does not hold for: it is one number long.
            self._count.write_text(str(operations[0]))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def wait(self) -> End:
        """Waits for its end."""
        _, status = os.waitpid(self.pid, 0)
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        os.close(self._handle)
        count = int(self._count.read_text()) if self._count.exists() else 0
        self._count.unlink(missing_ok=True)
        said = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
        seconds = time.monotonic() - self._began
        return End(os.waitstatus_to_exitcode(status), said, seconds, count)


def _count_operations(watched: Path, stop: Stop | None) -> list[int]:
    """Counts what this process does to files in a folder, and ends it at the one of `stop`."""
    done = [0]
    where = str(watched)

    def end() -> None:
        assert stop is not None
        time.sleep(stop.seconds)
        os.kill(os.getpid(), stop.number)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                return
        elif event not in _EVENTS:
            return
        if not any(where in str(each) for each in arguments):
            return
        done[0] += 1
        if stop is not None and done[0] == stop.operation:
            # Before the operation, or a moment later, in the midst of what it begins.
            if stop.seconds:
                threading.Thread(target=end, daemon=True).start()
            else:
                os.kill(os.getpid(), stop.number)

    sys.addaudithook(hook)
    return done
