"""What quantization, pruning and clustering cost in accuracy and save in size.

    python benchmarks/compression.py --json OUT
    python benchmarks/compression.py --model weights:segnet_mini_camvid --data DIR \
        --qat-epochs 2 --fine-tune-epochs 4 --output DIR --json OUT

One row for each way to export; each file is scored on the validation split. Without --data it is a
quick look on a few synthetic scenes, which the shipped weights have never seen.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import platform
import sys
import tempfile
from pathlib import Path

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

SCENES = "synthetic:24"
# Each file is checked on so many images by the exporter and scored on all of them here.
CHECKED = 2
SCORES = ("mean_iou", "global_accuracy", "class_average_accuracy", "boundary_f1")


def ways(qat_epochs: int, epochs: int, sparsity: float, clusters: int) -> dict:
    """Name of a row -> the `Compression` that makes it; `None` is the float32 file."""
    from segnet_tf.export.compression.plan import Compression

    return {
        "float32": None,
        "int8": Compression(),
        f"qat {qat_epochs}": Compression(qat=qat_epochs),
        f"prune {sparsity:g}": Compression(prune=sparsity, epochs=epochs),
        f"prune {sparsity:g} + qat {qat_epochs}": Compression(
            qat=qat_epochs, prune=sparsity, epochs=epochs
        ),
        f"cluster {clusters}": Compression(cluster=clusters, epochs=epochs),
        f"prune {sparsity:g} + cluster {clusters}": Compression(
            prune=sparsity, cluster=clusters, epochs=epochs
        ),
    }


def measure(model: str, data: str, name: str, how, folder: Path, limit: int | None) -> dict:
    """Exports one way and scores the file. A row that `folder` holds already is taken as it is."""
    from segnet_tf.export import exporter, sources
    from segnet_tf.export.compression.plan import Compression
    from segnet_tf.inference.evaluation import evaluate

    path = folder / f"{name.replace(' ', '_')}.tflite"
    known = path.with_suffix(".json")
    made = {
        "model": model,
        "data": data,
        "limit": limit,
        "how": None if how is None else dataclasses.asdict(how),
    }
    if known.is_file() and (row := json.loads(known.read_text()))["made"] == made:
        return row
    _, report = exporter.export(
        model,
        format="float32" if how is None else "int8",
        data=data,
        output=path,
        compression=how or Compression(),
        checkpoints=folder / "training",  # rows that begin with the same pruning share it
        limit=min(CHECKED, limit or CHECKED),
        largest_drop=1.0,  # to be shown, not judged
        overwrite=True,
    )
    samples = sources.open_source(model).samples(data, "val", limit)
    found = evaluate(str(path), samples).summary
    content = path.read_bytes()
    row = {score: found[score] for score in SCORES} | {
        "made": made,
        "images": found["images"],
        "bytes": len(content),
        "gzip_bytes": len(gzip.compress(content, 9, mtime=0)),
        "milliseconds": report.facts["latency"]["milliseconds"],
        "wrong_pairs": sum(r["wrong"] for r in report.facts["masks"]["runtimes"].values()),
        "zeros": report.facts.get("compression", {}).get("zeros"),
    }
    write_json(known, row)
    return row


def text(name: str, row: dict) -> str:
    """A row for a person."""
    region = "".join(f"{100 * row[score]:9.2f}" for score in SCORES)
    return (
        f"{name:22}{region}  {row['bytes'] / 1e6:5.2f}  {row['gzip_bytes'] / 1e6:7.3f}"
        f"  {row['milliseconds']:5.1f}  {row['wrong_pairs']:5}"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Int8, trained for int8, pruned, clustered."
    parser.epilog = (
        "example:\n  python benchmarks/compression.py --data DIR --output DIR --json OUT"
    )
    add = parser.add_argument
    add("--model", default="weights:segnet_mini_camvid", help="what to export (%(default)s)")
    add("--data", default=SCENES, metavar="DIR", help="to train and score on (%(default)s)")
    add("--qat-epochs", type=int, default=1, metavar="N", help="of --qat (%(default)s)")
    add("--fine-tune-epochs", type=int, default=1, metavar="N",
        help="of pruning and clustering (%(default)s)")  # fmt: skip
    add("--sparsity", type=float, default=0.5, metavar="SHARE", help="to prune (%(default)s)")
    add("--clusters", type=int, default=32, metavar="N", help="values a filter (%(default)s)")
    add("--only", nargs="+", metavar="ROW", help="these rows, by name, e.g. int8 'prune 0.5'")
    add("--limit", type=int, metavar="N", help="score on the first N validation images only")
    add("--output", metavar="DIR", help="keep the files here; called again, it goes on there")
    command.add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the table and writes the report. Judges nothing."""
    command.check_report(arguments)
    start_tensorflow()
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(arguments.output or aside)
        folder.mkdir(parents=True, exist_ok=True)
        made = ways(
            arguments.qat_epochs,
            arguments.fine_tune_epochs,
            arguments.sparsity,
            arguments.clusters,
        )
        wanted = arguments.only or list(made)
        unknown = sorted(set(wanted) - set(made))
        if unknown:
            raise UserError(
                f"`only` must name rows: {', '.join(made)}. Received: {', '.join(unknown)}."
            )
        rows = {}
        print(f"{arguments.model} on {arguments.data}, latency on one thread, {platform.machine()}")
        columns = ("mIoU", "global", "class av", "BF")
        print(f"{'':22}" + "".join(f"{c:>9}" for c in columns) + "     MB  gzip MB     ms  wrong")
        for name in wanted:
            rows[name] = measure(
                arguments.model, arguments.data, name, made[name], folder, arguments.limit
            )
            print(text(name, rows[name]), flush=True)
        results = {
            "model": arguments.model,
            "data": arguments.data,
            "machine": platform.machine(),
            "rows": rows,
        }
        write_json(arguments.json, results)
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input."""
    return command.main("compression", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
