"""The two forms of argmax pooling and unpooling on this machine: pooled, unpooled and back.

    python benchmarks/argmax_forms.py

Times of one pooling layer and one unpooling layer, without the rest of a network: the outputs alone
("forward"), and with the gradient of the pooled map ("with gradient").
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.processor import description
from segnet_tf.system.tensorflow_start import start_tensorflow

# form and whether XLA compiles it; the kernels cannot be.
FORMS = {"kernel": ("kernel", False), "portable": ("portable", False), "XLA": ("portable", True)}
SHAPE = (4, 96, 128, 64)


def passes(form: str, jit_compile: bool) -> dict[str, Callable[[Any], Any]]:
    """The two compiled functions of a map."""
    import tensorflow as tf

    from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

    pool = MaxPoolingWithArgmax2D(form=form)
    unpool = MaxUnpooling2D(pool_size=2, form=form)

    def forward(x: Any) -> Any:
        pooled, argmax = pool(x)
        return unpool(pooled, argmax, output_size=x)

    def with_gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            # The square makes a gradient that is not the same everywhere.
            total = tf.reduce_sum(forward(x) ** 2)
        return tape.gradient(total, x)

    compiled = {"jit_compile": jit_compile, "autograph": False}
    return {
        "forward": tf.function(forward, **compiled),
        "with gradient": tf.function(with_gradient, **compiled),
    }


def milliseconds(x: Any, runs: int) -> dict[str, dict[str, float]]:
    """Pass, then form, to the median of interleaved runs."""
    functions = {name: passes(*how) for name, how in FORMS.items()}
    times: dict[str, dict[str, list[float]]] = {}
    for step in range(runs + 1):
        for form, of_passes in functions.items():
            for name, function in of_passes.items():
                began = time.perf_counter()
                function(x).numpy()
                taken = 1000 * (time.perf_counter() - began)
                if step:  # The first one also builds the graph.
                    times.setdefault(name, {}).setdefault(form, []).append(taken)
    return {
        name: {form: statistics.median(found) for form, found in forms.items()}
        for name, forms in times.items()
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Time both forms of argmax pooling and unpooling."
    parser.epilog = "example:\n  python benchmarks/argmax_forms.py --json table.json"
    parser.add_argument("--runs", type=int, default=15, metavar="N", help="timed runs (15)")
    command.add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Times, prints and writes."""
    command.check_report(arguments)
    if arguments.runs < 1:
        raise UserError(f"`--runs` must be at least 1. Received: {arguments.runs}.")
    start_tensorflow()
    import numpy as np
    import tensorflow as tf

    # After a ReLU half of a map is zero, which makes ties.
    x = tf.nn.relu(np.random.default_rng(0).standard_normal(SHAPE, np.float32))
    found = milliseconds(x, arguments.runs)
    devices = ", ".join(d.name for d in tf.config.list_logical_devices())
    print(f"milliseconds of {SHAPE} float32; {description()}; {devices}")
    print(f"{'':14}" + "".join(f"{form:>10}" for form in FORMS))
    for name, forms in found.items():
        print(f"{name:14}" + "".join(f"{forms[form]:10.1f}" for form in FORMS))
    write_json(arguments.json, {"shape": SHAPE, "milliseconds": found})
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input."""
    return command.main("argmax_forms", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
