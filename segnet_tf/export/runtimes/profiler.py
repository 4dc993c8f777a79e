"""Time of each op inside LiteRT, XNNPACK's own included, from the runtime's profiler.

LiteRT's Python interpreter has no profiler. The C library in the same package has one: a compiled
model with `enable_profiling` records every op that runs. XNNPACK measures whole microseconds.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError

LIBRARY = "libLiteRt.so"
# litert/c/litert_common.h and litert_profiler_event.h of LiteRT 2
_CPU = 1
_OPERATOR, _DELEGATE_OPERATOR = 2, 8
# The library fills in this structure and gets it back; nothing here reads it.
_TENSOR_TYPE_BYTES = 128


class _Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("total", "in_use", "private")]


class _Event(ctypes.Structure):
    _fields_ = [
        ("tag", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("start", ctypes.c_uint64),
        ("elapsed", ctypes.c_uint64),
        ("memory_before", _Memory),
        ("memory_after", _Memory),
        ("index", ctypes.c_uint64),
        ("subgraph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    ]


@dataclass(frozen=True)
class Event:
    """One op as a runtime ran it.

    Attributes:
        name: XNNPACK's name of its operator, or TFLite's of the op.
        delegated: whether XNNPACK ran it.
        microseconds: median of the runs.
    """

    name: str
    delegated: bool
    microseconds: float


@dataclass(frozen=True)
class Profile:
    """The ops of an inference and their times.

    Attributes:
        events: the ops, in order of execution.
        microseconds: median of the whole inference, while the profiler runs.
    """

    events: tuple[Event, ...]
    microseconds: float


def profile(path: str | Path, threads: int = 1, runs: int = 50) -> Profile:
    """Runs a file on XNNPACK `runs` times, after three to warm up, on an input of zeros.

    Raises:
        UserError: this LiteRT has no profiler, or it refuses the file.
    """
    with _silence():
        return _profile(_library(), str(path).encode(), threads, runs)


def _library() -> ctypes.CDLL:
    # Found, not imported: an import would load the Python wrappers and their own runtimes too.
    package = importlib.util.find_spec("ai_edge_litert")
    try:
        folder = Path((package and package.origin) or "").parent
        library = ctypes.CDLL(str(folder / LIBRARY))
        library.LiteRtCompiledModelGetProfiler  # noqa: B018
    except (OSError, AttributeError) as error:
        raise UserError(
            f"`ai-edge-litert` must have {LIBRARY} with a profiler, as 2.3 has on Linux. "
            "Received: one without. Install ai-edge-litert 2.3."
        ) from error
    return library


def _profile(library: ctypes.CDLL, path: bytes, threads: int, runs: int) -> Profile:
    size, zero = ctypes.c_size_t, ctypes.c_size_t(0)

    def call(function: str, *arguments: Any) -> None:
        status = getattr(library, function)(*arguments)
        if status:
            raise UserError(
                "`tflite` must be one that LiteRT can run. "
                f"Received: status {status} from {function}. Export it again."
            )

    def make(function: str, *arguments: Any) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        call(function, *arguments, ctypes.byref(handle))
        return handle

    # Nothing is destroyed: a command profiles one file and exits.
    environment = make("LiteRtCreateEnvironment", ctypes.c_int(0), None)
    model = make("LiteRtCreateModelFromFile", environment, path)
    options = make("LiteRtCreateOptions")
    call("LiteRtSetOptionsHardwareAccelerators", options, ctypes.c_int(_CPU))
    for name, text in (
        (b"runtime_options_string", b"enable_profiling = true\n"),
        (b"xnnpack", f"num_threads = {threads}\n".encode()),
    ):
        call(
            "LiteRtAddOpaqueOptions",
            options,
            make("LiteRtCreateOpaqueOptions", name, *_owned(text)),
        )
    compiled = make("LiteRtCreateCompiledModel", environment, model, options)
    graph = make("LiteRtGetModelSubgraph", model, zero)

    def buffers(kind: str) -> tuple[ctypes.c_size_t, Any]:
        count = size()
        call(f"LiteRtGetNumSubgraph{kind}s", graph, ctypes.byref(count))
        made = (ctypes.c_void_p * count.value)()
        for i in range(count.value):
            tensor = make(f"LiteRtGetSubgraph{kind}", graph, size(i))
            shape = (ctypes.c_uint8 * _TENSOR_TYPE_BYTES)()
            call("LiteRtGetRankedTensorType", tensor, shape)
            needs = make(f"LiteRtGetCompiledModel{kind}BufferRequirements", compiled, zero, size(i))
            made[i] = make(
                "LiteRtCreateManagedTensorBufferFromRequirements", environment, shape, needs
            ).value
        return count, made

    arguments = (compiled, zero, *buffers("Input"), *buffers("Output"))
    profiler = make("LiteRtCompiledModelGetProfiler", compiled)
    for _ in range(3):
        call("LiteRtRunCompiledModel", *arguments)
    names: list[tuple[str, bool]] = []
    times: list[list[int]] = []
    whole: list[int] = []
    for _ in range(runs):
        call("LiteRtResetProfiler", profiler)
        call("LiteRtStartProfiler", profiler)
        call("LiteRtRunCompiledModel", *arguments)
        call("LiteRtStopProfiler", profiler)
        count = ctypes.c_int()
        call("LiteRtGetNumProfilerEvents", profiler, ctypes.byref(count))
        events = (_Event * count.value)()
        call("LiteRtGetProfilerEvents", profiler, count, events)
        ops = [event for event in events if event.type in (_OPERATOR, _DELEGATE_OPERATOR)]
        whole.append(next(e.elapsed for e in events if e.tag == b"Invoke" and e.start))
        names = [(event.tag.decode(), event.type == _DELEGATE_OPERATOR) for event in ops]
        times.append([event.elapsed for event in ops])
    medians = map(statistics.median, zip(*times, strict=True))
    return Profile(
        tuple(Event(*name, time) for name, time in zip(names, medians, strict=True)),
        statistics.median(whole),
    )


def _owned(text: bytes) -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
    """A copy of `text` and the function that frees it: the library takes both over."""
    libc = ctypes.CDLL(None)
    libc.strdup.restype = ctypes.c_void_p
    return ctypes.c_void_p(libc.strdup(text)), ctypes.cast(libc.free, ctypes.c_void_p)


@contextmanager
def _silence() -> Iterator[None]:
    """Hides the library's log, which it writes to file descriptor 2, past `sys.stderr`."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
