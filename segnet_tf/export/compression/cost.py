"""What pruning, clustering and quantization-aware training cost, for the report of a file."""

from __future__ import annotations

from typing import Any

import keras

from segnet_tf.data import Samples
from segnet_tf.export.checks import agreement
from segnet_tf.export.checks.report import Report
from segnet_tf.export.compression import compress
from segnet_tf.export.compression.plan import EPOCHS, Compression


def added(
    report: Report,
    plan: Compression,
    original: keras.Model,
    trained: keras.Model,
    samples: Samples | None,
    size: tuple[int, int],
    largest_drop: float,
) -> Report:
    """The report of a file with what was trained before, and what that cost.

    Args:
        report: of `verifier.verify`, which compares the file with the model it was made from.
        plan: what was trained.
        original: the model before any of it.
        trained: the model that the file was made from.
        samples: to score the original on, if they have labels, or `None`.
        size: `(height, width)` of the file's input.
        largest_drop: mIoU, as a fraction, that the file may lose to the original.
    """
    facts: dict[str, Any] = {
        "qat_epochs": plan.qat,
        "prune": plan.prune,
        "cluster": plan.cluster,
        "fine_tune_epochs": (plan.epochs or EPOCHS) if plan.prune or plan.cluster else None,
        "zeros": compress.zeros_share(trained),
        "original_mean_iou": None,
        "lost_mean_iou": None,
    }
    failures = []
    text = f"filters      {100 * facts['zeros']:.1f} % of the Conv2D weights are 0"
    if samples is not None and samples.is_labelled:
        before = agreement.mean_iou(original, samples, size)
        lost = before - report.facts["scores"]["tflite_mean_iou"]
        facts |= {"original_mean_iou": before, "lost_mean_iou": lost}
        text += (
            f"\nbefore       {100 * before:.2f} % mean IoU in Keras, lost {100 * lost:+.2f} points"
        )
        if lost > largest_drop:
            failures.append(
                f"{100 * lost:.2f} points of mIoU lost to the model before, at most "
                f"{100 * largest_drop:.2f} are allowed; train longer or raise "
                "largest_drop (--max-drop)"
            )
    return report.added("compression", facts, text, failures)
