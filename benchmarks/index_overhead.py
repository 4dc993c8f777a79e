"""What SegNet's pooling indices cost in an exported file.

    python benchmarks/index_overhead.py --json OUT

Times a network against the same one with plain max-pooling and nearest upsampling, which has no
indices: same convolutions, same weights, both exported by export/convert.py. One thread, XNNPACK,
the two in turn, medians.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from segnet_tf.errors import UserError  # noqa: E402

CLASSES = 11
CALIBRATION_SCENES = 4


def plain_twin(model):
    """The same layers with plain max-pooling and nearest upsampling in place of the indices."""
    import keras

    from export import graph
    from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

    def pool(layer, x):
        return keras.layers.MaxPooling2D(2, padding=layer.padding)(x), None

    def unpool(layer, pooled, argmax, output_size=None):
        return keras.layers.UpSampling2D(2)(pooled)

    image = keras.Input(model.input_shape[1:])
    handlers = {MaxPoolingWithArgmax2D: pool, MaxUnpooling2D: unpool}
    return keras.Model(image, graph.walk(model, image, handlers, lambda name, value: value))


def seeded_model(name: str, size: tuple[int, int], widths: tuple[int, ...] | None):
    """A model with random weights and batch statistics that leave its activations alive."""
    import keras
    import numpy as np

    from segnet_tf import models

    keras.utils.set_random_seed(0)
    options = {} if widths is None else {"widths": widths}
    if name == "segnet_basic":
        options["normalization"] = "signed"
    model = models.build(name, CLASSES, (*size, 3), **options)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            spread = rng.uniform(0.5, 1.5, (2, *shape))
            shift = rng.normal(0, 0.3, (2, *shape))
            layer.set_weights([spread[0], shift[0], shift[1], spread[1]])
    return model


def export_both(model, size: tuple[int, int], int8: bool) -> tuple[bytes, bytes]:
    """The model and its plain twin as .tflite files."""
    from export import calibration, convert
    from segnet_tf.data import synthetic

    scenes = synthetic.samples("train", size=size, count=CALIBRATION_SCENES)
    contents = []
    for network in (model, plain_twin(model)):
        ranges = None
        if int8:
            images = calibration.calibration_images(scenes, CALIBRATION_SCENES, size)
            ranges = calibration.measure_ranges(network, images)
        contents.append(convert.convert(network, size, ranges=ranges))
    return contents[0], contents[1]


def compare(argmax: bytes, plain: bytes, seconds: float) -> dict:
    """Runs the two in turn for `seconds`; the ratio is the median of the pairs' ratios."""
    from export import runtimes

    interpreters = []
    for content in (argmax, plain):
        interpreter = runtimes.open_interpreter(content)
        detail = interpreter.get_input_details()[0]
        runtimes.run(interpreter, _noise(detail["shape"]))  # the first run allocates
        interpreters.append(interpreter)

    def timed(interpreter) -> float:
        began = time.perf_counter()
        interpreter.invoke()
        return time.perf_counter() - began

    pairs = []
    deadline = time.perf_counter() + seconds
    while len(pairs) < 10 or time.perf_counter() < deadline:
        # Each leads half of the time, so that neither always finds the other's cache.
        if len(pairs) % 2:
            second = timed(interpreters[1])
            pairs.append((timed(interpreters[0]), second))
        else:
            first = timed(interpreters[0])
            pairs.append((first, timed(interpreters[1])))
    return {
        "ratio": statistics.median(a / b for a, b in pairs),
        "argmax_ms": 1000 * statistics.median(a for a, _ in pairs),
        "plain_ms": 1000 * statistics.median(b for _, b in pairs),
        "pairs": len(pairs),
        "argmax_partitions": runtimes.partitions(argmax).count,
        "plain_partitions": runtimes.partitions(plain).count,
    }


def _noise(shape):
    import numpy as np

    return np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)


def _parser() -> argparse.ArgumentParser:
    from export.options import parse_size

    parser = argparse.ArgumentParser(description="What pooling indices cost in a .tflite file.")
    add = parser.add_argument
    add("--model", default="segnet_mini", metavar="NAME", help="architecture (%(default)s)")
    add("--widths", default="32,64,128,128", metavar="W1,W2,...",
        help="channels of its stages (%(default)s), or 'own' for the architecture's")  # fmt: skip
    add("--size", type=parse_size, default=(192, 256), metavar="HxW",
        help="image, even at every stage (192x256)")  # fmt: skip
    add("--seconds", type=float, default=30.0, help="to time each format for (%(default)g)")
    add("--json", metavar="OUT", help="write the figures to this file")
    add("--overwrite", action="store_true", help="replace the file of --json")
    return parser


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input. Judges nothing."""
    arguments = _parser().parse_args(argv)
    from export import sources
    from segnet_tf.quiet import start_tensorflow

    start_tensorflow()
    with sources.errors_in_one_line("index_overhead") as outcome:
        sources.check_output(arguments.json, arguments.overwrite)
        model = seeded_model(arguments.model, arguments.size, _widths(arguments.widths))
        depth = sum(layer.name.endswith("_unpool") for layer in model.layers)
        if any(side % 2**depth for side in arguments.size):
            raise UserError(
                f"`size` must be divisible by {2**depth}, since plain upsampling doubles exactly. "
                f"Received: {arguments.size[0]}x{arguments.size[1]}. Give another --size."
            )
        height, width = arguments.size
        network = f"{arguments.model}, channels {arguments.widths}, {height}x{width}"
        print(f"{network}, one thread, {platform.machine()}")
        print("format    indices ms  plain ms  ratio  partitions")
        results: dict = {
            "model": arguments.model,
            "widths": arguments.widths,
            "size": list(arguments.size),
            "threads": 1,
            "machine": platform.machine(),
        }
        for name in ("int8", "float32"):
            argmax, plain = export_both(model, arguments.size, name == "int8")
            row = compare(argmax, plain, arguments.seconds)
            results[name] = row
            print(
                f"{name:8}  {row['argmax_ms']:10.2f}  {row['plain_ms']:8.2f}  {row['ratio']:5.3f}"
                f"  {row['argmax_partitions']} and {row['plain_partitions']}",
                flush=True,
            )
        sources.write_report(arguments.json, results)
    return outcome.code


def _widths(text: str) -> tuple[int, ...] | None:
    if text == "own":
        return None
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError as error:
        raise UserError(
            f"`widths` must be whole numbers with commas between. Received: {text!r}."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
