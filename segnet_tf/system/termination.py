"""SIGTERM and SIGHUP end a command as Ctrl-C does: it cleans up and says how to go on."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import weakref
from _thread import interrupt_main
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

# `timeout` sends its signal twice, to the process and to its group: the second one must not stop
# the cleaning up after the first.
_ONE_SIGNAL = 1.0  # seconds


class Terminated(KeyboardInterrupt):
    """The process is to end.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__("terminated" if number == signal.SIGTERM else "the terminal was closed")
        self.number = signal.Signals(number)


class _State:
    """Of the main thread, which alone gets signals."""

    undisturbed = 0  # blocks that it is in
    waiting: KeyboardInterrupt | None = None
    last = float("-inf")  # when SIGTERM or SIGHUP came
    came: signal.Signals | None = None  # in the block of `interruptible`
    watch: threading.Timer | None = None


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt in the block at Ctrl-C, SIGTERM, and SIGHUP unless `nohup` is on.

    A signal comes out of the block as that signal, also where C++ that calls Python has made
    another exception of it: pybind makes RuntimeError, Python itself SystemError.
    """
    if not _is_main():
        yield
        return
    _State.last, _State.came = float("-inf"), None
    kept = {}
    for number, default in (
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGINT, signal.default_int_handler),
    ):
        if signal.getsignal(number) in (default, _late):
            kept[number] = default
            signal.signal(number, _end)
    try:
        yield
    except Terminated:
        raise
    except (RuntimeError, SystemError, KeyboardInterrupt) as error:
        if _State.came is None:
            raise
        interrupt = _interrupt(_State.came)
        if isinstance(error, KeyboardInterrupt) and error.args:
            interrupt.args = error.args
        raise interrupt from error
    finally:
        if _State.watch is not None:
            _State.watch.cancel()
            _State.watch = None
        for number, handler in kept.items():
            is_ending = _State.last > float("-inf") and number != signal.SIGINT
            signal.signal(number, _late if is_ending else handler)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Lets a few operations on files end before the signals of `interruptible` raise anything.

    Whatever takes longer does not belong into the block.
    """
    if not _is_main():
        yield
        return
    _State.undisturbed += 1
    try:
        yield
    finally:
        _State.undisturbed -= 1
        if not _State.undisturbed and _State.waiting is not None:
            waiting, _State.waiting = [_State.waiting], None
            _raise(waiting)


def _end(number: int, frame: FrameType | None) -> None:
    if number != signal.SIGINT:
        if time.monotonic() - _State.last <= _ONE_SIGNAL:
            return
        _State.last = time.monotonic()
    error = [_interrupt(number)]
    _State.came = signal.Signals(number)
    if not _State.undisturbed:
        _raise(error)
    _State.waiting = error.pop()


def _late(number: int, frame: FrameType | None) -> None:
    """After the block that a signal has ended: the second one of `timeout` does nothing."""
    if time.monotonic() - _State.last > _ONE_SIGNAL:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _interrupt(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


def _raise(error: list[KeyboardInterrupt]) -> NoReturn:
    """Raises an exception out of a list, since a frame that holds what it raises keeps it alive.

    C++ that calls Python may print and drop what is raised there: TensorFlow's has done so. Then
    the exception is gone, though the block of `interruptible` goes on: the signal is sent again.
    """
    if isinstance(error[0], Terminated):
        _look_later(weakref.ref(error[0]), error[0].number)
    raise error.pop()


def _look_later(error: weakref.ref[Terminated], number: signal.Signals) -> None:
    def look() -> None:
        if _State.watch is not timer:
            return
        if error() is None:
            interrupt_main(number)
        else:
            _look_later(error, number)

    timer = threading.Timer(1.1 * _ONE_SIGNAL, look)
    timer.daemon = True
    _State.watch = timer
    timer.start()


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
