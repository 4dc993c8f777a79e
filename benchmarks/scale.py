"""What a training on many workers sends, reads and writes: arithmetic, no time is measured.

    python benchmarks/scale.py --workers 64 --images 1000000

Counts the weights of each network, writes a checkpoint of it, and works out the rest for the speed
of one worker that it is told. docs/scale.md says how.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

NETWORKS = ("segnet_mini", "segnet_lite")
FLOAT = 4  # bytes: gradients and statistics are exchanged in float32
MB = 1e6


def sent(exchanged: float, workers: int) -> float:
    """Bytes that each worker sends so that all have a sum of `exchanged` bytes.

    In a ring each worker sends its sum of one part on, workers - 1 times, and then the finished
    parts, workers - 1 times: 2 * (workers - 1) / workers of the whole.
    """
    return 2 * (workers - 1) / workers * exchanged


def of_network(name: str, options: argparse.Namespace) -> dict[str, float]:
    """What training a network takes, in bytes, seconds and numbers."""
    import keras

    from segnet_tf.config import TrainConfig
    from segnet_tf.models import build
    from segnet_tf.training.optimizers import make_optimizer

    model = build(name, options.classes, input_shape=(None, None, 3))
    model.compile(optimizer=make_optimizer(TrainConfig(), steps_per_epoch=1))
    model.optimizer.build(model.trainable_variables)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "last.keras")
        model.save(file)
        checkpoint = file.stat().st_size
    trained = sum(variable.shape.num_elements() for variable in model.trainable_variables)
    channels = sum(
        layer.gamma.shape[0]
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )
    # Forward sum, sum of squares and count of each channel's values, backward their gradients.
    statistics = 2 * FLOAT * 2 * channels
    height, width = options.size
    step = sent(FLOAT * trained, options.workers)
    normalization = sent(statistics, options.workers)
    steps_a_second = options.rate * options.workers / options.batch_size
    return {
        "trained": trained,
        "step_bytes": step,
        "normalization_bytes": normalization,
        "network_bytes_a_second": (step + normalization) * steps_a_second,
        "decoded_bytes_a_second": options.rate * height * width * FLOAT,
        "checkpoint_bytes": checkpoint,
    }


def of_data(options: argparse.Namespace) -> dict[str, float]:
    """What the images take, whatever the network is."""
    return {
        "steps_an_epoch": options.images // options.batch_size,
        "images_a_worker": options.batch_size // options.workers,
        "epoch_seconds": options.images / (options.rate * options.workers),
        "read_bytes_a_second": options.rate * options.file_bytes,
        "read_bytes_a_second_all": options.rate * options.file_bytes * options.workers,
        "order_bytes": 8 * options.images,
        "files_bytes": options.images * options.file_bytes,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Work out what a training on many workers sends, reads and writes."
    parser.epilog = "example:\n  python benchmarks/scale.py --workers 64 --images 1000000"
    add = parser.add_argument
    add("--models", nargs="+", default=list(NETWORKS), metavar="NAME", help="architectures")
    add("--workers", type=command.positive, default=64, metavar="N", help="machines (64)")
    add("--images", type=command.positive, default=10**6, metavar="N", help="to train on (1000000)")
    add("--batch-size", type=command.positive, metavar="N", help="of all workers (8 each)")
    add("--size", type=command.size, default=(360, 480), metavar="HxW", help="crop (360x480)")
    add("--classes", type=command.positive, default=11, metavar="N", help="classes (11)")
    add("--rate", type=command.positive, default=50, metavar="R",
        help="images a second that one worker trains: measure it (50)")  # fmt: skip
    add("--file-bytes", type=command.positive, default=300_000, metavar="B",
        help="of an image and its mask on disk (300000)")  # fmt: skip
    command.add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Works it out, prints and writes."""
    command.check_report(arguments)
    if arguments.batch_size is None:
        arguments.batch_size = 8 * arguments.workers
    if arguments.batch_size % arguments.workers:
        raise UserError(
            "`--batch-size` must divide by the workers. Received: "
            f"{arguments.batch_size} for {arguments.workers}. It is that of all of them together."
        )
    start_tensorflow()
    data = of_data(arguments)
    networks = {name: of_network(name, arguments) for name in arguments.models}
    height, width = arguments.size
    print(
        f"{arguments.workers} workers, {arguments.images:,} images of {width}x{height} (width x "
        f"height), {arguments.batch_size} a step, {arguments.rate} images a second each"
    )
    print(f"an epoch: {data['steps_an_epoch']:,} steps, {data['epoch_seconds']:,.0f} s")
    print(
        f"read: {data['read_bytes_a_second'] / MB:.1f} MB/s a worker, "
        f"{data['read_bytes_a_second_all'] / MB:,.0f} MB/s all, of {data['files_bytes'] / MB:,.0f} "
        f"MB; order of an epoch: {data['order_bytes'] / MB:.1f} MB"
    )
    print(
        f"{'MB':14}{'sent a step':>13}{'batch norm':>12}{'sent a second':>15}"
        f"{'decoded a second':>18}{'checkpoint':>12}"
    )
    for name, found in networks.items():
        print(
            f"{name:14}{found['step_bytes'] / MB:13.2f}{found['normalization_bytes'] / MB:12.3f}"
            f"{found['network_bytes_a_second'] / MB:15.1f}"
            f"{found['decoded_bytes_a_second'] / MB:18.1f}{found['checkpoint_bytes'] / MB:12.1f}"
        )
    write_json(arguments.json, {"data": data, "networks": networks})
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input."""
    return command.main("scale", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
