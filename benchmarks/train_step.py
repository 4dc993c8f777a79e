"""Time and memory of a training step: SegNet in both forms, without indices, and in PyTorch.

    python benchmarks/train_step.py --json OUT

Each is a process of its own, set up by `segnet-tf train`'s code or in eager PyTorch, on the same
number of threads, with oneDNN. They take turns, a step each, so that other work on the machine
slows down all of them alike. The network without indices has plain max-pooling and nearest
upsampling in the same places. PyTorch has `MaxPool2d(return_indices=True)` and `MaxUnpool2d`, the
same loss and optimizer; it counts no scores, which our step does. On a processor, also where there
is a GPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from typing import Any

from rivals import keras_steps, torch_runner

from segnet_tf.cli import command
from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.system import processor
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

# name -> images a step: SegNet's own widths take twenty times as long an image as SegNet-Mini's.
NETWORKS = {"segnet": 1, "segnet_mini": 4, "segnet_lite": 4}
# The first is what `form="auto"` takes on a processor.
FORMS = ("kernel", "portable")
PLAIN = keras_steps.PLAIN
# Row -> PyTorch's order of the axes; the first is what it does unless told otherwise.
PYTORCH = {"pytorch": "contiguous", "pytorch_nhwc": "channels_last"}
RATIOS = (*(f"ratio_to_{key}" for key in (*PYTORCH, PLAIN)), "pooling_share")
MB = 1e6
HEAD = f"{'':12}{'ms':>8}{'ratio':>8}{'cpu ms':>8}{'pooling':>9}{'peak MB':>9}{'step MB':>9}"
NOTE = """\
ratio: time against the network without indices, median of rounds. cpu ms: processor time of all
threads, which other work on the machine changes less. pooling: share of the step that pooling and
unpooling take, forwards and backwards. peak: memory of the process; step: without what it takes
before it has a network."""


def measured(
    name: str, config: TrainConfig, threads: int, seconds: float, missing: str | None
) -> dict[str, Any]:
    """All figures of one network.

    Args:
        name: of the network, for messages.
        config: of its training.
        threads: of each process.
        seconds: to take turns for, after each process is warm.
        missing: why there is no PyTorch; `None` if there is.

    Raises:
        UserError: a process failed.
    """
    from segnet_tf.export.runtimes import interleaved

    assert config.size is not None  # of synthetic scenes
    served: dict[str, keras_steps.Steps | torch_runner.Runner] = {}
    runners: dict[str, Callable[[], float]] = {}
    try:
        _say(f"{name}: starting {', '.join((*FORMS, PLAIN))}")
        ours = {key: keras_steps.Steps(config, key, threads) for key in (*FORMS, PLAIN)}
        served |= ours
        runners |= {key: steps.step for key, steps in ours.items()}
        runners |= {f"{form} alone": ours[form].pooling for form in FORMS}
        for key, layout in PYTORCH.items() if missing is None else ():
            training = (config.batch_size, config.mixed_precision, layout)
            rival = torch_runner.Runner(ours[FORMS[0]].layers, config.size, training, threads)
            served[key], runners[key] = rival, rival.seconds
        _say(f"{name}: taking turns for {seconds:g} s")
        times = interleaved.rounds(runners, seconds)
        rows = {key: _row(key, source, times) for key, source in served.items()}
    finally:
        for source in served.values():
            source.close()
    return {
        **{key: value for key, value in rows[FORMS[0]].items() if key in RATIOS},
        "batch_size": config.batch_size,
        "rounds": len(times[PLAIN]),
        "variants": rows,
    }


def _row(
    key: str, source: keras_steps.Steps | torch_runner.Runner, times: dict[str, list[float]]
) -> dict[str, float]:
    """What one variant takes."""
    from segnet_tf.export.runtimes import interleaved

    row: dict[str, float] = {
        "ms": 1000 * statistics.median(times[key]),
        "cpu_ms": 1000 * statistics.median(source.cpu_seconds),
        "ratio_to_no_indices": interleaved.ratio(times[key], times[PLAIN]),
        **source.peaks(),
    }
    for rival in PYTORCH:
        if rival in times:
            row[f"ratio_to_{rival}"] = interleaved.ratio(times[key], times[rival])
    if key in FORMS:
        row["pooling_share"] = interleaved.ratio(times[f"{key} alone"], times[key])
    return row


def table(found: dict[str, Any]) -> list[str]:
    """The lines of one network's table; a dash for what is not measured."""
    lines = [HEAD]
    for key, row in found["variants"].items():
        share = f"{100 * row['pooling_share']:.0f} %" if "pooling_share" in row else "-"
        step = row["process_bytes"] - row["bare_process_bytes"]
        lines.append(
            f"{key:12}{row['ms']:8.0f}{row['ratio_to_no_indices']:8.2f}{row['cpu_ms']:8.0f}{share:>9}"
            f"{row['process_bytes'] / MB:9.0f}{step / MB:9.0f}"
        )
    for key in PYTORCH:
        if f"ratio_to_{key}" in found:
            lines.append(f"{FORMS[0]} takes {found[f'ratio_to_{key}']:.2f} of the time of {key}")
    return lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Time and memory of a training step on a processor."
    parser.epilog = "example:\n  python benchmarks/train_step.py --json OUT"
    add = parser.add_argument
    add("--models", default=",".join(NETWORKS), metavar="A,B", help="networks (%(default)s)")
    add("--size", type=command.size, default=(192, 256), metavar="HxW",
        help="of the images, divisible by 32 (192x256)")  # fmt: skip
    add("--batch-size", type=command.positive, metavar="N",
        help="images a step (4, and 1 for segnet)")  # fmt: skip
    add("--mixed-precision", choices=("float32", "bfloat16"), default="float32",
        help="%(default)s")  # fmt: skip
    add("--model-option", action="append", metavar="KEY=VALUE", help="option of the networks")
    add("--threads", type=command.positive, default=2, metavar="N", help="%(default)s")
    add("--seconds", type=float, default=40.0, metavar="S",
        help="to take turns for, for each network (%(default)g)")  # fmt: skip
    add("--no-torch", action="store_true", help="leave PyTorch out, though it is installed")
    command.add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the tables and writes the report. Judges nothing."""
    command.check_report(arguments)
    height, width = arguments.size
    if height % 32 or width % 32:
        raise UserError(
            "`size` must be divisible by 32, since plain upsampling doubles exactly. "
            f"Received: {height}x{width}. Give another --size."
        )
    names = arguments.models.split(",")
    configs = {name: _config(name, arguments) for name in names}
    start_tensorflow()
    missing = "left out" if arguments.no_torch else torch_runner.unavailable()
    if missing:
        print(f"No PyTorch row: {missing}.")
    print(
        f"{height}x{width}, {arguments.mixed_precision}, {arguments.threads} threads, "
        f"{processor.description()}"
    )
    report: dict[str, Any] = {
        "size": list(arguments.size),
        "mixed_precision": arguments.mixed_precision,
        "threads": arguments.threads,
        "machine": processor.description(),
        "no_pytorch": missing,
    }
    for name, config in configs.items():
        found = measured(name, config, arguments.threads, arguments.seconds, missing)
        report[name] = found
        print(f"\n{name}, batch {config.batch_size}, {found['rounds']} rounds")
        print("\n".join(table(found)), flush=True)
    print(f"\n{NOTE}")
    write_json(arguments.json, report)
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input."""
    return command.main("train_step", add_arguments, run, argv)


def _config(name: str, arguments: argparse.Namespace) -> TrainConfig:
    if name not in NETWORKS:
        raise UserError(
            f"`models` must be some of {', '.join(NETWORKS)}. Received: {name}. Leave it out."
        )
    batch = arguments.batch_size or NETWORKS[name]
    return TrainConfig(
        model=name,
        model_options=command.model_options(arguments.model_option),
        data=f"synthetic:{batch}",
        size=arguments.size,
        batch_size=batch,
        limit_val=1,
        augment="none",
        epochs=1,
        mixed_precision=arguments.mixed_precision,
    )


def _say(text: str) -> None:
    print(f"train_step: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
