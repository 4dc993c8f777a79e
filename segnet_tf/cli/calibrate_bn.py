"""`segnet-tf calibrate-bn`: batch normalization's statistics over the training images, anew."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from segnet_tf.cli import command, split_option
from segnet_tf.errors import UserError
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import check_file
from segnet_tf.system.progress import ProgressLine
from segnet_tf.system.tensorflow_start import start_tensorflow
from segnet_tf.system.zip_files import dated_alike

if TYPE_CHECKING:
    from segnet_tf.data import Samples
    from segnet_tf.inference.predictors import Predictor
    from segnet_tf.runs.records import RunRecord

# Of a run, beside best.keras: `evaluate`, `export` and `predict` take it when it is named.
NAME = "calibrated.keras"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "Recompute the mean and variance of every batch normalization over the training images, "
        "as SegNet's authors do after training, and write the model anew."
    )
    parser.epilog = (
        "examples:\n"
        "  segnet-tf calibrate-bn --model runs/mine\n"
        "  segnet-tf evaluate --model runs/mine/calibrated.keras --data path/to/camvid"
    )
    what = parser.add_argument_group("model and data")
    add = what.add_argument
    add("--model", required=True, metavar="MODEL", help="run folder, .keras file or weights:NAME")
    add("--data", metavar="DIR", help="a folder, synthetic or synthetic:COUNT (the run's)")
    add("--split", metavar="NAME", help="split to measure on (the run's for training)")
    add("--limit", type=command.positive, metavar="N", help="the first N images only")
    command.add_reading_options(what)
    add("--batch-size", type=command.positive, metavar="N", help="images at once (the run's, or 4)")
    where = parser.add_argument_group("output")
    where.add_argument(
        "--output", metavar="FILE", help=f"the .keras file to write (of a run: {NAME} in it)"
    )
    command.add_report_options(where)


def run(arguments: argparse.Namespace) -> int:
    """Recomputes the statistics, scores the model before and after, and writes it."""
    command.check_report(arguments)
    output = command.model_output(arguments, NAME)
    start_tensorflow()
    import tensorflow as tf

    from segnet_tf.inference.evaluation import Summary, evaluate
    from segnet_tf.inference.predictors import open_predictor
    from segnet_tf.runs.records import require_same_order
    from segnet_tf.training.batch_statistics import (
        BATCH,
        normalized_network,
        recompute_batch_statistics,
    )

    tf.config.experimental.enable_op_determinism()
    predictor = open_predictor(arguments.model)
    network = normalized_network(predictor)
    record_file = _record_file(arguments, output, predictor.record)
    train, val = _samples(arguments, predictor)
    predictor.check_classes(len(train.classes))
    require_same_order(predictor.record, train.classes, train.source)

    def scored() -> Summary | None:
        if val is None:
            return None
        with ProgressLine("scoring") as progress:
            return evaluate(predictor, val, progress=progress).summary

    config = predictor.record["config"] if predictor.record else {}
    before = scored()
    with ProgressLine("measuring") as progress:
        count = recompute_batch_statistics(
            predictor,
            train,
            batch_size=arguments.batch_size or config.get("batch_size") or BATCH,
            progress=progress,
        )
    after = scored()
    with replacing(output) as aside, dated_alike(aside):
        network.save(aside)
    write_json(record_file, predictor.record)
    where = f"{train.source} {train.split}"
    print(f"statistics   {count} batch normalizations over {len(train)} images, {where}")
    if val is not None and before is not None and after is not None:
        print(
            f"mean IoU     before {100 * before['mean_iou']:.2f} %, after "
            f"{100 * after['mean_iou']:.2f} % ({len(val)} images, {val.source} {val.split})"
        )
    report = {"layers": count, "images": len(train), "data": where}
    write_json(arguments.json, report | {"before": before, "after": after})
    print(f"wrote {output}")
    return 0


def _samples(arguments: argparse.Namespace, predictor: Predictor) -> tuple[Samples, Samples | None]:
    """The images to measure on, and those to score on, None where there are none."""
    split_option.require_data(arguments, predictor, "the images that the model was trained on")
    train = split_option.open_images(
        arguments, predictor, "train", split=arguments.split, limit=arguments.limit
    )
    try:
        return train, split_option.open_images(arguments, predictor, "val")
    except UserError as error:
        print(f"segnet-tf: not scored, there is no val. {error}", file=sys.stderr, flush=True)
        return train, None


def _record_file(
    arguments: argparse.Namespace, output: Path, record: RunRecord | None
) -> Path | None:
    """Where a file outside its run's folder says which run it is of, as a packed one does.

    Raises:
        UserError: it may not be written.
    """
    from segnet_tf.runs.checkpoints import resolve

    source = resolve(arguments.model)
    is_packed = source.with_suffix(".json").is_file()
    if record is None or (output.resolve().parent == source.resolve().parent and not is_packed):
        return None
    file = output.with_suffix(".json")
    check_file(file, arguments.overwrite)
    return file
