"""The part of tuning a CRF that runs in processes of its own, and starts without TensorFlow.

pydensecrf holds Python's global lock, so that threads would wait for each other.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from segnet_tf.inference.crf import CRFParameters, refine
from segnet_tf.system.subprocesses import end_with_parent

# What `refined_labels` gives for each of some files.
Refine = Callable[[Sequence[Path], CRFParameters | None], Iterator[tuple[np.ndarray, float]]]


def refined_labels(file: Path, parameters: CRFParameters | None) -> tuple[np.ndarray, float]:
    """The class that wins at each pixel of a stored image.

    Args:
        file: `.npz` with `probabilities`, float32 `(H, W, classes)`, and `image`, `(H, W, C)`.
        parameters: of the CRF; None for no CRF.

    Returns:
        uint8 `(H, W)`, and the seconds of processor time that the CRF took.
    """
    with np.load(file) as stored:
        probabilities, image = stored["probabilities"], stored["image"]
    seconds = 0.0
    if parameters is not None:
        # Of the processor: others that work beside it leave it as it is.
        began = time.thread_time()
        probabilities = refine(probabilities, image, parameters)
        seconds = time.thread_time() - began
    return probabilities.argmax(axis=-1).astype(np.uint8), seconds


@contextlib.contextmanager
def workers(processes: int) -> Iterator[Refine]:
    """Gives a function that runs `refined_labels` for several files, in their order.

    Args:
        processes: how many run it; 1 stays in this process.
    """
    if processes == 1:
        yield lambda files, parameters: (refined_labels(file, parameters) for file in files)
        return
    # A fork of a process with TensorFlow's threads may hang.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start)
    try:
        yield lambda files, parameters: pool.map(
            refined_labels, files, itertools.repeat(parameters)
        )
    finally:
        pool.shutdown(cancel_futures=True)


def _start() -> None:
    # Ctrl-C reaches all processes at a terminal: only the first one is to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
