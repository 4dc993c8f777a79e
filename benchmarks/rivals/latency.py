"""Times several networks in turn, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np

from segnet_tf.export.runtimes import cpu

LEAST_ROUNDS = 10


def runner(content: bytes, threads: int) -> Callable[[], float]:
    """What times one inference of a .tflite file on XNNPACK, in seconds."""
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
    """Runs all in turn for `seconds`; each leads a round as often as the others.

    Whoever comes after another finds its cache, so the order moves on by one every round.
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
    """Median of the rounds' ratios, which a slow minute changes less than a ratio of medians."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))
