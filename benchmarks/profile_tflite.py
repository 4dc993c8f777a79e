"""Time of each op of a .tflite file, as XNNPACK runs it.

    python benchmarks/profile_tflite.py FILE

Prints the ops by kind and one by one, from LiteRT's own profiler during whole inferences. Without
FILE it exports the network of export_bench.py in float32 and measures that. An op that is fused
with another one has no time of its own. A clip that XNNPACK runs as a separate pass counts for the
op before it. `whole` includes the time between ops.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from segnet_tf.export.runtimes.profiler import Event

# TFLite op -> how the names of its XNNPACK operators begin, for the ops of this project's networks.
XNNPACK_NAMES = {
    "ADD": ("Add",),
    "AVERAGE_POOL_2D": ("Average Pooling",),
    "CONCATENATION": ("Copy", "Concat"),
    "CONV_2D": ("Convolution", "Fully Connected"),
    "DEPTHWISE_CONV_2D": ("Convolution",),
    "DEQUANTIZE": ("Convert",),
    "FULLY_CONNECTED": ("Fully Connected",),
    "LOGISTIC": ("Sigmoid",),
    "MAXIMUM": ("Maximum",),
    "MAX_POOL_2D": ("Max Pooling",),
    "MEAN": ("Mean", "Global Average"),
    "MINIMUM": ("Minimum",),
    "MUL": ("Multiply",),
    "PAD": ("Constant Pad",),
    "QUANTIZE": ("Convert",),
    "RELU": ("Clamp",),
    "RELU6": ("Clamp",),
    "RESHAPE": ("Static Reshape", "Copy", "Reshape"),
    "RESIZE_BILINEAR": ("Resize Bilinear",),
    "SLICE": ("Slice", "Static Slice"),
    "SOFTMAX": ("Softmax",),
    "SUB": ("Subtract",),
    "TRANSPOSE_CONV": ("Deconvolution",),
}


class Kind(TypedDict):
    """All ops of one kind: how many, their time, and its share of all ops."""

    count: int
    us: float
    share: float


class Node(TypedDict):
    """One op: its kind, time and share, and the tensor that it computes."""

    op: str
    us: float
    share: float
    shape: list[int]
    dtype: str
    tensor: str


class FileProfile(TypedDict):
    """The profile of a file as it is written to JSON; times in microseconds."""

    file: str
    threads: int
    runs: int
    whole_us: float
    ops_us: float
    kinds: dict[str, Kind]
    nodes: list[Node]


def attribute(ops: Sequence[str], events: Sequence[Event]) -> list[float]:
    """The time of each op, from events that name XNNPACK's operators or TFLite's ops.

    Both are in order of execution, and their longest common subsequence matches them. An event
    that matches no op, such as a clip, counts for the op before it.

    Args:
        ops: TFLite's names.
        events: of `profiler.Profile`.

    Returns:
        Microseconds of each op; they add up to those of the events.
    """

    def fits(op: str, event: Event) -> bool:
        names = XNNPACK_NAMES.get(op, ()) if event.delegated else (op,)
        return event.name.startswith(names) if names else False

    longest = [[0] * (len(events) + 1) for _ in range(len(ops) + 1)]
    for i in reversed(range(len(ops))):
        for j in reversed(range(len(events))):
            longest[i][j] = max(longest[i + 1][j], longest[i][j + 1])
            if fits(ops[i], events[j]):
                longest[i][j] = max(longest[i][j], 1 + longest[i + 1][j + 1])
    times = [0.0] * len(ops)
    i = last = 0
    for j, event in enumerate(events):
        # Ops that have no event are skipped.
        while i < len(ops) and longest[i][j] == longest[i + 1][j] > longest[i + 1][j + 1]:
            i += 1
        if i < len(ops) and fits(ops[i], event) and longest[i][j] == 1 + longest[i + 1][j + 1]:
            last, i = i, i + 1
        times[last] += event.microseconds
    return times


def measure(path: Path, threads: int, runs: int) -> FileProfile:
    """Profiles a file.

    Args:
        path: of the .tflite file.
        threads: that LiteRT may use.
        runs: to take medians of.

    Raises:
        UserError: it cannot be read, or LiteRT cannot run it.
    """
    from segnet_tf.export.runtimes import profiler
    from segnet_tf.export.tflite_file import flatbuffer
    from segnet_tf.export.tflite_file.interpreter import check_survives

    try:
        graph = flatbuffer.read(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"`file` must be a .tflite file. Received: {path}: {error.strerror}."
        ) from error
    check_survives(path, argument="file")
    profile = profiler.profile(path, threads, runs)
    times = attribute([op.name for op in graph.ops], profile.events)
    total = sum(times)
    nodes: list[Node] = []
    for op, time in zip(graph.ops, times, strict=True):
        output = graph.tensors[op.outputs[0]]
        nodes.append(
            {
                "op": op.name,
                "us": time,
                "share": time / total,
                "shape": list(output.shape),
                "dtype": output.dtype,
                "tensor": output.name,
            }
        )
    kinds: dict[str, Kind] = {}
    for node in nodes:
        kind = kinds.setdefault(node["op"], {"count": 0, "us": 0.0, "share": 0.0})
        kind["count"] += 1
        kind["us"] += node["us"]
        kind["share"] += node["share"]
    return {
        "file": path.name,
        "threads": threads,
        "runs": runs,
        "whole_us": profile.microseconds,
        "ops_us": total,
        "kinds": dict(sorted(kinds.items(), key=lambda item: -item[1]["us"])),
        "nodes": nodes,
    }


def print_profile(found: FileProfile, limit: int) -> None:
    """The two tables: by kind, and the `limit` slowest ops in order of execution."""
    print(f"{found['file']}, {found['threads']} thread(s), medians of {found['runs']} runs")
    print(f"whole {found['whole_us'] / 1000:.3f} ms, ops {found['ops_us'] / 1000:.3f} ms\n")
    print("op                       count        us   share")
    for name, kind in found["kinds"].items():
        print(f"{name:24} {kind['count']:5}  {kind['us']:8.0f}  {kind['share']:6.1%}")
    slowest = sorted(node["us"] for node in found["nodes"])[-limit:][0]
    print("\n node  op                        us   share  shape            tensor")
    for index, node in enumerate(found["nodes"]):
        if node["us"] >= slowest:
            shape = "x".join(map(str, node["shape"]))
            print(
                f"{index:5}  {node['op']:20}  {node['us']:6.0f}  {node['share']:6.1%}"
                f"  {shape:15}  {node['tensor'].split(';')[0][-60:]}"
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Time of each op of a .tflite file."
    parser.epilog = "example:\n  python benchmarks/profile_tflite.py model_int8.tflite --nodes 10"
    add = parser.add_argument
    add("file", nargs="?", type=Path, metavar="FILE", help="(export_bench.py's, float32)")
    add("--threads", type=int, default=1, help="(%(default)s)")
    add("--runs", type=int, default=50, help="to take medians of (%(default)s)")
    add("--nodes", type=int, default=40, help="the slowest to show (%(default)s)")
    command.add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the ops and writes the report."""
    for name in ("threads", "runs", "nodes"):
        if getattr(arguments, name) < 1:
            raise UserError(f"`{name}` must be 1 or more. Received: {getattr(arguments, name)}.")
    command.check_report(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or _default(Path(folder))
        found = measure(path, arguments.threads, arguments.runs)
    print_profile(found, arguments.nodes)
    write_json(arguments.json, found)
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input."""
    return command.main("profile_tflite", add_arguments, run, argv)


def _default(folder: Path) -> Path:
    start_tensorflow()
    from rivals import networks

    size = (192, 256)
    path = folder / "segnet_float32.tflite"
    model = networks.seeded_model("segnet_mini", size, (32, 64, 128, 128))
    path.write_bytes(networks.exported(model, size, "float32"))
    return path


if __name__ == "__main__":
    sys.exit(main())
