"""Checks a .tflite file against its Keras model: ops, masks, pixels, score, size, time."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path
from typing import Any

import keras
import numpy as np

from segnet_tf.data import Samples
from segnet_tf.errors import UserError
from segnet_tf.export.checks import agreement, delegate_pairs, rules, uncertainty
from segnet_tf.export.checks.report import Report
from segnet_tf.export.conversion import delegate_ops
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer, interpreter, metadata
from segnet_tf.export.tflite_file.flatbuffer import Graph
from segnet_tf.export.tflite_file.formats import Unpool
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.models import output_kind

# The share of pixels that a float32 file must give the class that Keras gives. Trained models reach
# 0.9999. With random weights the two largest logits of many pixels are almost equal, and a sum in
# another order can exchange them.
FLOAT32_AGREEMENT = 0.99
# The mean difference of the probabilities that a float32 file may have. Other sums make 1e-6; a
# softmax of a softmax makes 0.08 for three random classes, and leaves each pixel its class.
FLOAT32_PROBABILITY_DIFFERENCE = 1e-3
# Points of mIoU (a fraction here) that an int8 file may lose; a good one loses under 0.003.
LARGEST_DROP = 0.02
MASK_IMAGES = 2
CPU_RUNTIMES = ("xnnpack", "optimized")


def verify(
    path: str | Path,
    model: keras.Model,
    samples: Samples | None = None,
    *,
    shown_as: str | None = None,
    largest_drop: float = LARGEST_DROP,
    unpool: Unpool = "builtin",
) -> Report:
    """Checks a finished file against the Keras model it was made from.

    Args:
        path: of the .tflite file.
        model: from RGB 0..255 to logits or probabilities.
        samples: images and labels to score both on; images alone compare pixels and score nothing,
            `None` does so on synthetic scenes.
        shown_as: the file's name in the report, if it is not `path`.
        largest_drop: mIoU, as a fraction, that the file may lose.
        unpool: `"builtin"`, or `"custom"` for a file that may have the two ops of `delegate_ops`.

    Returns:
        A `Report`; its `failures` are empty if all is well.

    Raises:
        UserError: the file cannot be read or run at all.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"`tflite` must be a readable file. Received: {path}: {error.strerror}."
        ) from error
    graph = flatbuffer.read(content)
    file_format = rules.file_format(graph)
    pools = delegate_ops.pools_of(model)
    if unpool == "custom":
        delegate_ops.check_pools(pools, model.name)
    failures = rules.op_failures(graph, delegate_ops.OPS if unpool == "custom" else ())
    # No runtime here has kernels for other custom ops: the file cannot be run.
    if failures:
        way = (
            ' Check it with unpool="custom" (--unpool custom).'
            if delegate_pairs.find(graph)
            else ""
        )
        raise UserError(f"`tflite` must have builtin ops only. Received: {failures[0]}.{way}")
    said = metadata.read(content, str(path))
    failures += rules.input_failures(graph)
    failures += rules.int8_failures(graph) if file_format == "int8" else []
    interpreter.check_survives(path, argument="tflite")
    # Raises a UserError unless the file takes one image and gives one map.
    file = TFLiteModel(path)
    kind = file.output.kind
    failures += rules.activation_failures(said, kind, output_kind.of(model).activation)
    partitions = cpu.partitions(content)
    second = file.uncertainty
    failures += rules.partition_failures(partitions, second is not None)

    images = agreement.model_images(graph.tensors[graph.inputs[0]].shape, samples, MASK_IMAGES)
    check = _check_pairs if unpool == "custom" else _check_masks
    reference: keras.Model | uncertainty.Distributions = model
    if second is not None:
        reference = uncertainty.Distributions(model, file.input_size, second)
        pools = reference.pools
    exactness, found = check(content, graph, pools, images)
    failures += found

    scores = agreement.compare(path, reference, samples)
    failures += _score_failures(scores, file_format, largest_drop, _ties(exactness))
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
            "milliseconds": cpu.latency_ms(content),
            "threads": 1,
            "images": graph.tensors[graph.inputs[0]].shape[0],
            "machine": platform.machine(),
        },
    }
    report = Report(facts, tuple(failures))
    if isinstance(reference, uncertainty.Distributions):
        return uncertainty.added(report, path, content, reference, samples, images)
    return report


def _score_failures(
    scores: agreement.Scores, file_format: str, largest_drop: float, ties: str
) -> list[str]:
    """What is wrong with how the file answers; `ties` says why a right file may differ."""
    failures = []
    apart = scores["probability_difference"]
    if file_format == "float32" and scores["pixel_agreement"] < FLOAT32_AGREEMENT:
        failures.append(
            f"{100 * scores['pixel_agreement']:.2f} % of pixels agree with Keras, a float32 file "
            f"must reach {100 * FLOAT32_AGREEMENT:.2f} %{ties}"
        )
    # A file of other classes has other probabilities too.
    elif file_format == "float32" and apart and apart["mean"] > FLOAT32_PROBABILITY_DIFFERENCE:
        failures.append(
            f"probabilities differ from Keras's by {apart['mean']:.4f} on average, in a float32 "
            f"file by at most {FLOAT32_PROBABILITY_DIFFERENCE}"
            f"{ties or ': is its output what it says?'}"
        )
    if scores["mean_iou_drop"] is not None and scores["mean_iou_drop"] > largest_drop:
        failures.append(
            f"{100 * scores['mean_iou_drop']:.2f} points of mIoU lost, at most "
            f"{100 * largest_drop:.2f} are allowed{ties}"
        )
    return failures


def _ties(exactness: dict[str, Any]) -> str:
    """The equal maxima of which XNNPACK takes another than Keras, as a reason; "" without any."""
    pairs = exactness.get("pairs")
    count = pairs["runtimes"]["xnnpack"]["other_tie"] if pairs else 0
    if not count:
        return ""
    return (
        f"; in {count:,} windows XNNPACK takes another of equal maxima than Keras and GPUs do: "
        "builtin ops (--unpool builtin) take the first everywhere"
    )


def _check_masks(
    content: bytes, graph: Graph, pools: list[str], images: list[np.ndarray]
) -> tuple[dict[str, Any], list[str]]:
    """Facts and failures of the builtin form: as stored, and as the kernels compute it."""
    failures = rules.mask_failures(graph, len(pools), pools)
    if not pools:
        return {"masks": {"count": 0, "images": 0, "runtimes": {}}}, failures
    counts = {}
    for runtime in CPU_RUNTIMES:
        wrong, pairs = rules.count_mask_mismatches(content, images, runtime)
        counts[runtime] = {"wrong": wrong, "pairs": pairs}
        if wrong:
            failures.append(f"argmax masks: {wrong} of {pairs} pairs wrong on {runtime}")
    facts = {"masks": {"count": 2 * len(pools), "images": len(images), "runtimes": counts}}
    return facts, failures


def _check_pairs(
    content: bytes, graph: Graph, pools: list[str], images: list[np.ndarray]
) -> tuple[dict[str, Any], list[str]]:
    """Facts and failures of the custom ops, which on a CPU only XNNPACK has."""
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
