"""One model, every format on every runtime: do the pixels stay what Keras makes them?

    python benchmarks/parity.py --data DIR --json OUT

Exports the model in each format, runs each file on each installed runtime and prints a row with its
target. The exit code does not depend on the figures.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file.formats import Format
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from segnet_tf.data import Samples
    from segnet_tf.export.checks.parity import KerasOutputs
    from segnet_tf.export.sources import Source

MODEL = "weights:segnet_mini_camvid"
FORMATS: tuple[Format, ...] = ("float32", "float16", "dynamic", "int8")
# Without data: so few synthetic scenes that all of it takes a few minutes.
SYNTHETIC_SCENES = 8
# For the exporter's own check, which may be short: this table measures the file again.
CHECKED_IMAGES = 2


def export_format(
    arguments: argparse.Namespace, name: Format, size: tuple[int, int], folder: Path
) -> bytes:
    """The content of an exported file.

    Raises:
        UserError: the exporter refuses, or the file fails its checks.
    """
    from segnet_tf.export import exporter

    try:
        path, _ = exporter.export(
            arguments.model,
            format=name,
            data=arguments.data,
            output=folder / f"{name}.tflite",
            input_size=size,
            limit=CHECKED_IMAGES,
            largest_drop=1.0,
            mc_samples=arguments.mc_samples,
        )
    except exporter.CheckFailed as error:
        raise UserError(f"`format` must pass the exporter's checks. Received: {error}.") from error
    return path.read_bytes()


def measure_all(
    arguments: argparse.Namespace, truth: KerasOutputs, folder: Path, present: list[str]
) -> dict[str, Any]:
    """Prints the table row by row; its rows as JSON."""
    from segnet_tf.export.checks import parity, parity_table

    print(parity_table.HEADER, flush=True)
    found: dict[str, Any] = {"files": {}, "rows": [], "refused": []}
    for name in arguments.format or FORMATS:
        try:
            content = export_format(arguments, name, truth.size, folder)
        except UserError as error:
            _refuse(found, name, "every runtime", error)
            continue
        found["files"][name] = {"bytes": len(content)}
        has_codes = name == "int8" and arguments.mc_samples is None  # means are float32
        codes: dict[str, list[np.ndarray]] = {}
        for runtime in present:
            count = images_for(runtime, arguments, len(truth))
            keep = _keeper(codes, content, runtime) if has_codes else _forget
            try:
                cell = parity.measure(content, name, runtime, truth, count, keep)
            except UserError as error:
                codes.pop(runtime, None)
                _refuse(found, name, runtime, error)
                continue
            print(parity_table.row(cell), flush=True)
            found["rows"].append(parity.to_json(cell))
        if has_codes:
            found["int8_kernels"] = compare_kernels(content, codes, truth.image(0))
    return found


def images_for(runtime: str, arguments: argparse.Namespace, available: int) -> int:
    """How many images a runtime gets: slow runtimes get few."""
    most = {
        "native": available,
        "slow": arguments.slow_images,
        "emulated": arguments.emulated_images,
    }
    return min(most[registry.get(runtime).speed], available)


def _refuse(found: dict[str, Any], name: str, runtime: str, error: UserError) -> None:
    from segnet_tf.export.checks import parity_table

    print(parity_table.refused_row(name, runtime, str(error)), flush=True)
    found["refused"].append({"file_format": name, "runtime": runtime, "reason": str(error)})


def _forget(index: int, logits: np.ndarray) -> None:
    pass


def _keeper(
    codes: dict[str, list[np.ndarray]], content: bytes, runtime: str
) -> Callable[[int, np.ndarray], None]:
    """What keeps the int8 codes of each output, if the runtime has any."""
    from segnet_tf.export.checks import int8_kernels
    from segnet_tf.export.tflite_file import flatbuffer

    if not registry.get(runtime).shows_int8:
        return _forget
    graph = flatbuffer.read(content)
    kept = codes.setdefault(runtime, [])
    return lambda index, logits: kept.append(int8_kernels.output_codes(graph, logits))


def compare_kernels(
    content: bytes, codes: dict[str, list[np.ndarray]], image: np.ndarray
) -> dict[str, list[dict[str, Any]]]:
    """Prints both tables of int8 kernels; their rows as JSON."""
    import dataclasses

    from segnet_tf.export.checks import int8_kernels, parity_table

    found: dict[str, list[dict[str, Any]]] = {"pairs": [], "ops": []}
    if len(codes) > 1:
        print("\nint8 kernels     with       images  codes %   worst  pixels %")
    for pair in int8_kernels.pairs(codes):
        print(parity_table.pair_row(pair), flush=True)
        found["pairs"].append(dataclasses.asdict(pair))
    if codes:
        print("\nint8 ops against exact arithmetic on the kernel's own input codes, one image")
        print("kernels    op                 ops  rounded %  worst")
    for runtime in codes:
        try:
            errors = int8_kernels.op_errors(content, runtime, image)
        except UserError as error:
            print(parity_table.refused_row("ops", runtime, str(error)), flush=True)
            continue
        for of_kind in errors:
            print(parity_table.op_row(of_kind), flush=True)
            found["ops"].append(dataclasses.asdict(of_kind))
    return found


def open_images(arguments: argparse.Namespace, source: Source) -> tuple[Samples, tuple[int, int]]:
    """The images to run (of `--data`, the run's own data, or synthetic), and the files' size."""
    from segnet_tf.data.scenes import synthetic
    from segnet_tf.export.exporter import image_size
    from segnet_tf.models.input_size import check_size

    split = arguments.split
    samples = source.samples(arguments.data, "val", arguments.limit, split=split)
    if samples is None:
        size = arguments.input_size or synthetic.SIZE
        count = SYNTHETIC_SCENES if arguments.limit is None else arguments.limit
        samples = synthetic.samples(split or "val", size=size, count=count)
        if max(source.model.output_shape[-1], 2) != len(samples.classes):
            raise UserError(
                f"`data` must be given for a model of {source.model.output_shape[-1]} classes, "
                f"synthetic scenes have {len(samples.classes)}. Received: none. Give --data DIR."
            )
    else:
        size = arguments.input_size or image_size(source, samples)
    check_size(source.model, size, "input_size")
    return samples, size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Every format on every runtime against Keras."
    parser.epilog = "example:\n  python benchmarks/parity.py --data DIR --json OUT"
    add = parser.add_argument
    add("--model", default=MODEL, metavar="MODEL", help="run folder, .keras file or %(default)s")
    add("--data", metavar="DIR", help="a folder, synthetic or synthetic:COUNT (synthetic)")
    add("--split", metavar="NAME", help="images to run (the run's validation split)")
    add("--input-size", type=command.size, metavar="HxW", help="of the files (the data's)")
    add("--limit", type=int, metavar="N", help="the first N images only (all; 8 synthetic scenes)")
    add("--slow-images", type=int, default=2, metavar="N",
        help="images for GPUs on software drivers, seconds each (%(default)s)")  # fmt: skip
    add("--emulated-images", type=int, default=1, metavar="N",
        help="images for the emulated aarch64, up to a minute each (%(default)s)")  # fmt: skip
    add("--mc-samples", type=int, metavar="N",
        help="files with the mean and entropy of N passes with fixed dropout masks")  # fmt: skip
    add("--format", nargs="+", choices=FORMATS, metavar="F", help=f"some of {', '.join(FORMATS)}")
    add(
        "--runtime",
        nargs="+",
        choices=registry.RUNTIMES,
        metavar="R",
        help=f"some of {', '.join(registry.RUNTIMES)}",
    )
    command.add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the table and writes the report; 0 whatever the figures are."""
    command.check_report(arguments)
    from segnet_tf.export import sources
    from segnet_tf.export.checks import parity
    from segnet_tf.export.options import ExportOptions

    start_tensorflow()
    said = ExportOptions(format="float32", mc_samples=arguments.mc_samples).second_output
    for name in ("limit", "slow_images", "emulated_images"):
        if (value := getattr(arguments, name)) is not None and value < 1:
            raise UserError(f"`{name}` must be at least 1. Received: {value}.")
    source = sources.open_source(arguments.model)
    samples, size = open_images(arguments, source)
    wanted = [registry.get(name) for name in arguments.runtime or registry.RUNTIMES]
    reasons = {runtime.name: runtime.unavailable() for runtime in wanted}
    absent = {name: reason for name, reason in reasons.items() if reason}
    where = f"{samples.source} {samples.split}, {len(samples)} images, {size[0]}x{size[1]}"
    print(f"{arguments.model} on {where}, {platform.machine()}")
    for name, reason in absent.items():
        print(f"absent: {name}: {reason}")
    with tempfile.TemporaryDirectory(prefix="segnet_tf_parity_") as name:
        truth = parity.KerasOutputs(source.model, samples, size, Path(name), said)
        found = measure_all(
            arguments, truth, Path(name), [name for name in reasons if name not in absent]
        )
    facts = {
        "model": arguments.model,
        "data": samples.source,
        "split": samples.split,
        "images": len(samples),
        "input_size": list(size),
        "mc_samples": arguments.mc_samples,
        "machine": platform.machine(),
        "absent": absent,
    }
    write_json(arguments.json, {**facts, **found})
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input."""
    return command.main("parity", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
