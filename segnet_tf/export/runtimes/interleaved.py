"""Times several networks in turn, so that other work on the machine slows down all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np

from segnet_tf.export.runtimes import cpu

LEAST_ROUNDS = 10


def runner(content: bytes, threads: int) -> Callable[[], float]:
    """A function that runs a .tflite file once on XNNPACK and returns the seconds it took."""
    interpreter = cpu.open_interpreter(content, threads=threads)
    shape = interpreter.get_input_details()[0]["shape"]
    image = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    cpu.run(interpreter, image)  # the first run allocates

    def timed() -> float:
        began = time.perf_counter()
        interpreter.invoke()
        return time.perf_counter() - began

    return timed


def rounds(runners: Mapping[str, Callable[[], float]], seconds: float) -> dict[str, list[float]]:
    """Runs all in turn for `seconds`, and each is the first of a round equally often.

    A network finds the processor's cache as the one before left it, so each round begins with the
    next network.
    """
    names = list(runners)
    times: dict[str, list[float]] = {name: [] for name in names}
    deadline = time.perf_counter() + seconds
    done = 0
    while done < LEAST_ROUNDS or time.perf_counter() < deadline:
        for place in range(len(names)):
            name = names[(place + done) % len(names)]
            times[name].append(runners[name]())
        done += 1
    return times


def ratio(times: list[float], others: list[float]) -> float:
    """Median of the rounds' ratios: a slow minute changes it less than a ratio of medians."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))
