"""Holds a .tflite file against its Keras model: ops, masks, pixels, score, size, time.

python export/verify.py --tflite F --model M --data DIR --split val --json OUT
"""

from __future__ import annotations

import argparse
import dataclasses
import platform
import sys
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError
from segnet_tf.export.checks.report import Report

# Pixels of a float32 file that must have Keras's class. Trained models reach 0.9999; with random
# weights many windows are near-ties, and sums in another order turn them.
FLOAT32_AGREEMENT = 0.99
# Points of mIoU (a fraction here) that an int8 file may lose; a good one loses under 0.003.
LARGEST_DROP = 0.02
MASK_IMAGES = 2
CPU_RUNTIMES = ("xnnpack", "optimized")


def verify(
    path: str | Path,
    model: Any,
    samples: Any = None,
    *,
    shown_as: str | None = None,
    largest_drop: float = LARGEST_DROP,
    unpool: str = "builtin",
) -> Report:
    """Checks a finished file against the Keras model it was made from.

    Args:
        path: of the .tflite file.
        model: the `keras.Model`.
        samples: `segnet_tf.data.Samples` to score both on; `None` compares pixels on drawn
            scenes and scores nothing.
        shown_as: the file's name in the report, if it is not `path`.
        largest_drop: mIoU, as a fraction, that the file may lose.
        unpool: `"builtin"`, or `"custom"` for a file that may have the two ops of `delegate_ops`.

    Returns:
        A `Report`; its `failures` are empty if all is well.

    Raises:
        UserError: the file cannot be read or run at all.
    """
    from segnet_tf.export import runtimes
    from segnet_tf.export.checks import agreement, delegate_pairs, rules
    from segnet_tf.export.conversion import delegate_ops
    from segnet_tf.export.tflite_file import flatbuffer, metadata
    from segnet_tf.inference import tflite_model
    from segnet_tf.layers import MaxPoolingWithArgmax2D

    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"`tflite` must be a readable file. Received: {path}: {error.strerror}."
        ) from error
    graph = flatbuffer.read(content)
    file_format = rules.file_format(graph)
    pools = [
        layer.name
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, MaxPoolingWithArgmax2D)
    ]
    failures = rules.op_failures(graph, delegate_ops.OPS if unpool == "custom" else ())
    # Other custom ops have no kernel here, there is nothing to run.
    if failures:
        way = " Check it with --unpool custom." if delegate_pairs.find(graph) else ""
        raise UserError(f"`tflite` must have builtin ops only. Received: {failures[0]}.{way}")
    said = metadata.read(content, str(path))
    failures += rules.input_failures(graph)
    failures += rules.int8_failures(graph) if file_format == "int8" else []
    tflite_model.check_survives(path, argument="tflite")
    tflite_model.TFLiteModel(path)  # one line, unless it is from one image to one map
    partitions = runtimes.partitions(content)
    failures += rules.partition_failures(partitions)

    images = agreement.model_images(graph, samples, MASK_IMAGES)
    check = _check_pairs if unpool == "custom" else _check_masks
    exactness, found = check(content, graph, pools, images)
    failures += found

    scores = agreement.compare(path, model, samples)
    if file_format == "float32" and scores["pixel_agreement"] < FLOAT32_AGREEMENT:
        failures.append(
            f"{100 * scores['pixel_agreement']:.2f} % of pixels agree with Keras, a float32 file "
            f"must reach {100 * FLOAT32_AGREEMENT:.2f} %"
        )
    if scores["mean_iou_drop"] is not None and scores["mean_iou_drop"] > largest_drop:
        failures.append(
            f"{100 * scores['mean_iou_drop']:.2f} points of mIoU lost, at most "
            f"{100 * largest_drop:.2f} are allowed"
        )
    facts = {
        "file": shown_as or str(path),
        "bytes": len(content),
        "format": file_format,
        **rules.describe(graph),
        "metadata": None if said is None else said.to_json(),
        "partitions": dataclasses.asdict(partitions),
        "unpool": unpool,
        **exactness,
        "scores": scores,
        "latency": {
            "milliseconds": runtimes.latency_ms(content),
            "threads": 1,
            "images": graph.tensors[graph.inputs[0]].shape[0],
            "machine": platform.machine(),
        },
    }
    return Report(facts, tuple(failures))


def _check_masks(
    content: bytes, graph: Any, pools: list[str], images: list[Any]
) -> tuple[dict, list]:
    """The builtin form's facts and failures: as stored, and as the kernels compute them."""
    from segnet_tf.export.checks import rules

    failures = rules.mask_failures(graph, len(pools), pools)
    counts = {}
    for runtime in CPU_RUNTIMES:
        wrong, pairs = rules.count_mask_mismatches(content, images, runtime)
        counts[runtime] = {"wrong": wrong, "pairs": pairs}
        if wrong:
            failures.append(f"argmax masks: {wrong} of {pairs} pairs wrong on {runtime}")
    facts = {"masks": {"count": 2 * len(pools), "images": len(images), "runtimes": counts}}
    return facts, failures


def _check_pairs(
    content: bytes, graph: Any, pools: list[str], images: list[Any]
) -> tuple[dict, list]:
    """The custom ops' facts and failures. XNNPACK is the one runtime on a CPU that has them."""
    from segnet_tf.export.checks import delegate_pairs
    from segnet_tf.export.conversion import delegate_ops

    failures = delegate_pairs.failures(graph, len(pools))
    counts = delegate_pairs.count(content, images)
    if counts.wrong:
        failures.append(f"custom ops: {counts.wrong} of {counts.windows} windows wrong on xnnpack")
    facts = {
        "pairs": {
            "count": len(pools),
            "images": len(images),
            "runtimes": {"xnnpack": dataclasses.asdict(counts)},
            "needs": delegate_ops.NEEDS,
            "ties": delegate_ops.TIES,
        }
    }
    return facts, failures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check a .tflite file against its Keras model.")
    add = parser.add_argument
    add("--tflite", required=True, metavar="FILE", help="the file to check")
    add("--model", metavar="MODEL", help="run folder, .keras or weights:NAME (the last make demo)")
    add("--data", metavar="DIR", help="a folder, synthetic or synthetic:COUNT (the run's own)")
    add("--split", default="val", help="split to score on (val)")
    add("--limit", type=int, metavar="N", help="the first N images only")
    add(
        "--max-drop",
        type=float,
        default=100 * LARGEST_DROP,
        metavar="POINTS",
        help="points of mIoU that the file may lose (%(default)g)",
    )
    add(
        "--unpool",
        default="builtin",
        choices=("builtin", "custom"),
        help="ops that the file may unpool with (builtin)",
    )
    add("--json", metavar="OUT", help="write the report to this file")
    add("--overwrite", action="store_true", help="replace the file of --json")
    return parser


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 1 if a check failed, 2 for bad input."""
    arguments = _parser().parse_args(argv)
    from segnet_tf.export import sources
    from segnet_tf.system.tensorflow_start import start_tensorflow

    start_tensorflow()
    with sources.errors_in_one_line("verify") as outcome:
        sources.check_output(arguments.json, arguments.overwrite)
        source = sources.open_source(arguments.model)
        samples = source.samples(arguments.data, arguments.split, arguments.limit)
        report = verify(
            arguments.tflite,
            source.model,
            samples,
            largest_drop=arguments.max_drop / 100,
            unpool=arguments.unpool,
        )
        print(report.text())
        sources.write_report(arguments.json, report.to_json())
        outcome.code = 1 if report.failures else 0
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
