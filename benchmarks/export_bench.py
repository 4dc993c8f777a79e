"""Speed and memory of an exported SegNet, against the same network with other upsampling.

    python benchmarks/export_bench.py --json OUT

All are exported by `segnet_tf.export.conversion.convert` in int8 and float32: SegNet with its
indices, the same with plain max-pooling and nearest upsampling (what indices cost), a U-Net of the
same channels, one with transpose convolutions, and SegNet again in eager PyTorch, where that is
installed. `--model segnet --widths own` is the full network. `--rival FILE.tflite` times another
segmentation network in the same rounds, `--mask-rcnn` measures torchvision's Mask R-CNN afterwards.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rivals import mask_rcnn

from segnet_tf.cli import command
from segnet_tf.comparison.rivals import Rival, open_rivals
from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file.formats import Format
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

FORMATS: tuple[Format, ...] = ("int8", "float32")
THREADS = (1, 2)
PYTORCH = "pytorch"
# Rows that are always there, see rivals/networks.py.
RESERVED = ("segnet", "plain", "unet", "transposed", PYTORCH)
# What the ratios are to: the network without indices.
FLOOR = "plain"
MB = 1e6
HEAD = (
    "network     1 thread ms  ratio  2 threads ms  ratio  live MB  arena MB  process MB  file MB"
    "  partitions"
)
NOTE = """\
ratio: time against `plain`, which has no indices. live: tensors that live at one time, at most;
arena: the span that the reference kernels' planner takes for them. process: peak resident memory of
a new process that runs the file once; a bare one, which only imports LiteRT, has {base:.1f} MB.
partitions: those that XNNPACK makes of the graph."""


def measure_file(content: bytes) -> dict[str, Any]:
    """What one .tflite file takes besides time, in bytes."""
    from rivals import memory

    from segnet_tf.export.runtimes import arena, cpu

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.tflite")
        path.write_bytes(content)
        process = memory.peak_process(path)
        arena_bytes = arena.arena_apart(path)
    return {
        "live_bytes": arena.peak_live(content),
        "arena_bytes": arena_bytes,
        "process_bytes": process,
        "file_bytes": len(content),
        "partitions": cpu.partitions(content).count,
    }


def measure_latency(files: dict[str, bytes], torch: Any, seconds: float) -> dict[str, dict]:
    """Median times and ratios to `FLOOR`, for each network and number of threads.

    Args:
        files: name of a network -> its .tflite file.
        torch: a `torch_runner.Runner`, or `None`.
        seconds: for each number of threads.
    """
    from segnet_tf.export.runtimes import interleaved

    found: dict[str, dict] = {}
    for threads in THREADS:
        runners = {name: interleaved.runner(file, threads) for name, file in files.items()}
        if torch is not None:
            runners[PYTORCH] = lambda threads=threads: torch.seconds(threads)
        times = interleaved.rounds(runners, seconds)
        for name, values in times.items():
            found.setdefault(name, {})[f"threads_{threads}"] = {
                "ms": 1000 * statistics.median(values),
                "ratio": interleaved.ratio(values, times[FLOOR]),
                "segnet_is_faster_by": interleaved.ratio(values, times["segnet"]),
                "rounds": len(values),
            }
    return found


def compare(
    model: Any,
    size: tuple[int, int],
    form: Format,
    torch: Any,
    rivals: Sequence[Rival],
    seconds: float,
) -> dict:
    """All figures of one format: name of a network -> what it takes."""
    from rivals import networks

    files = {
        name: networks.exported(build(model), size, form)
        for name, build in networks.NETWORKS.items()
    }
    files |= {rival.name: rival.path.read_bytes() for rival in rivals if rival.form == form}
    rows = measure_latency(files, torch, seconds)
    for name, content in files.items():
        rows[name].update(measure_file(content))
    if torch is not None:
        rows[PYTORCH].update(torch.peaks())
    return rows


def row_text(name: str, row: dict[str, Any]) -> str:
    """A line of the table; a dash for what PyTorch does not have."""
    cells = [f"{name:10}"]
    for threads, width in zip(THREADS, (11, 12), strict=True):
        timed = row[f"threads_{threads}"]
        cells += [f"{timed['ms']:{width}.2f}", f"{timed['ratio']:5.3f}"]
    for key, width in (
        ("live_bytes", 7),
        ("arena_bytes", 8),
        ("process_bytes", 10),
        ("file_bytes", 7),
    ):
        cells.append(f"{row[key] / MB:{width}.2f}" if row.get(key) else "-".rjust(width))
    cells.append(f"{row.get('partitions', '-'):>10}")
    return "  ".join(cells)


def summary(rows: dict[str, dict]) -> str:
    """SegNet against the others, in words."""
    one, arena = "threads_1", "arena_bytes"
    text = (
        f"SegNet on one thread: {rows['segnet'][one]['ratio']:.3f} of the time without indices, "
        f"{rows['unet'][one]['segnet_is_faster_by']:.2f} times as fast as the U-Net with "
        f"{rows['segnet'][arena] / rows['unet'][arena]:.2f} of its arena"
    )
    if PYTORCH in rows:
        text += f", {rows[PYTORCH][one]['segnet_is_faster_by']:.2f} times as fast as eager PyTorch"
    return text + "."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Speed and memory of a .tflite SegNet."
    parser.epilog = "example:\n  python benchmarks/export_bench.py --json OUT"
    add = parser.add_argument
    add("--model", default="segnet_mini", metavar="NAME", help="architecture (%(default)s)")
    add("--widths", default="32,64,128,128", metavar="W1,W2,...",
        help="channels of its stages (%(default)s), or 'own' for the architecture's")  # fmt: skip
    add("--size", type=command.size, default=(192, 256), metavar="HxW",
        help="image, even at every stage (192x256)")  # fmt: skip
    add("--seconds", type=float, default=20.0,
        help="to time each format on each number of threads for (%(default)g)")  # fmt: skip
    add("--no-torch", action="store_true", help="leave PyTorch out, though it is installed")
    add("--rival", action="append", default=[], metavar="FILE",
        help="a .tflite file of another segmentation network; may be repeated")  # fmt: skip
    add("--mask-rcnn", action="store_true", help="measure torchvision's Mask R-CNN too")
    command.add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the table and writes the report. Judges nothing."""
    command.check_report(arguments)
    if arguments.mask_rcnn:
        mask_rcnn.check_installed()
    others = open_rivals(arguments.rival, RESERVED)
    start_tensorflow()
    results = _measured(arguments, others)
    if arguments.mask_rcnn:
        row = mask_rcnn.measure(arguments.size)
        results["extra_rows"] = [row]
        print(
            f"{row['name']}: {row['parameters'] / MB:.1f} M parameters, {row['macs'] / 1e9:.1f} "
            f"GMAC, {row['files']['float32']['ms']:.0f} ms; {row['notes'][0]}"
        )
    write_json(arguments.json, results)
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input."""
    return command.main("export_bench", add_arguments, run, argv)


def _measured(arguments: argparse.Namespace, others: Sequence[Rival]) -> dict[str, Any]:
    from rivals import memory, networks, torch_runner

    size = arguments.size
    model = networks.seeded_model(arguments.model, size, _widths(arguments.widths))
    network = f"{arguments.model}, channels {arguments.widths}, {size[0]}x{size[1]}"
    print(f"{network}, {platform.machine()}")
    missing = "left out" if arguments.no_torch else torch_runner.unavailable()
    torch = None
    if missing:
        print(f"No PyTorch row: {missing}.")
    else:
        torch = torch_runner.Runner(networks.layer_list(model), size)
    base = memory.peak_process(None)
    results: dict[str, Any] = {
        "model": arguments.model,
        "widths": arguments.widths,
        "size": list(size),
        "machine": platform.machine(),
        "bare_process_bytes": base,
        "no_pytorch": missing,
        "rivals": {
            other.name: {"size": other.size, "parameters": other.parameters, "macs": other.macs}
            for other in others
        },
    }
    for other in others:
        print(
            f"{other.name}: {other.size[0]}x{other.size[1]}, {other.form}, "
            f"{other.parameters / MB:.2f} M parameters, {other.macs / 1e9:.2f} GMAC"
        )
    try:
        for form in FORMATS:
            results[form] = rows = compare(model, size, form, torch, others, arguments.seconds)
            print(f"\n{form}\n{HEAD}")
            for name, row in rows.items():
                print(row_text(name, row))
            print(summary(rows), flush=True)
    finally:
        if torch is not None:
            torch.close()
    print(f"\n{NOTE.format(base=base / MB)}")
    if torch is not None:
        print(f"PyTorch's bare process has {torch.peaks()['bare_process_bytes'] / MB:.1f} MB.")
    return results


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
