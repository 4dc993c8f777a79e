"""`segnet-tf evaluate`: a table on standard output, and a JSON file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from segnet_tf.cli import command, split_option
from segnet_tf.cli.crf_option import add_crf_option, open_model
from segnet_tf.cli.samples_option import add_samples_options, check_samples, samples_of
from segnet_tf.errors import UserError
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import check_file
from segnet_tf.system.progress import ProgressLine
from segnet_tf.system.tensorflow_start import start_tensorflow

MODEL = "run folder, .keras or .tflite file, or weights:NAME"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Score a model on a split: IoU and accuracy by class, boundary F1."
    parser.epilog = (
        "examples:\n"
        "  segnet-tf evaluate --model runs/mine --data path/to/camvid --split test "
        "--json test.json\n"
        "  segnet-tf evaluate --model runs/mine --data path/to/camvid "
        "--calibration-picture ece.png\n"
        "  segnet-tf evaluate --model runs/bayesian --data path/to/camvid --mc-samples 40"
    )
    what = parser.add_argument_group("model and data")
    what.add_argument("--model", required=True, metavar="MODEL", help=MODEL)
    what.add_argument(
        "--data", required=True, metavar="DIR", help="a folder, synthetic or synthetic:COUNT"
    )
    what.add_argument("--split", metavar="NAME", help="split to score on (the run's for val)")
    what.add_argument("--limit", type=command.positive, metavar="N", help="the first N images only")
    command.add_reading_options(what)
    how = parser.add_argument_group("prediction")
    add_prediction_options(how)
    add_crf_option(how)
    add_samples_options(how)
    how.add_argument(
        "--batch-size", type=command.positive, default=1, metavar="N", help="images at once (1)"
    )
    report = parser.add_argument_group("report")
    add = report.add_argument
    add(
        "--calibration",
        action="store_true",
        help="also say how far the probabilities can be trusted: ECE, NLL, what finds the errors",
    )
    add("--calibration-picture", metavar="PNG", help="draw that (and measure it)")
    command.add_report_options(report)


def add_prediction_options(group: argparse._ArgumentGroup) -> None:
    """Adds what `evaluate` and `predict` tell a model."""
    group.add_argument(
        "--size",
        type=command.seen_size,
        metavar="HxW",
        help="size the model sees, or own for each image's own (as large as in training)",
    )
    group.add_argument(
        "--flip", action="store_true", help="average with the output for the mirrored image"
    )


def say(progress: ProgressLine) -> Callable[[str], None]:
    """Prints a line for the user where a progress line may be."""

    def print_line(text: str) -> None:
        progress.close()
        print(f"segnet-tf: {text}", file=sys.stderr, flush=True)

    return print_line


def run(arguments: argparse.Namespace) -> int:
    """Evaluates and prints the table."""
    command.check_report(arguments)
    check_samples(arguments)
    picture = arguments.calibration_picture
    if picture is not None and not picture.lower().endswith(".png"):
        raise UserError(
            f"`--calibration-picture` must be a .png file. Received: {picture}. "
            "Write for example calibration.png."
        )
    check_file(picture, arguments.overwrite, "--calibration-picture")
    start_tensorflow()
    from segnet_tf import plots
    from segnet_tf.inference import calibration_table
    from segnet_tf.inference.evaluation import evaluate, table

    # The model first: a wrong one shows at once, a large split takes its time.
    predictor = open_model(arguments)
    samples = split_option.open_images(
        arguments,
        predictor,
        "val",
        split=arguments.split,
        limit=arguments.limit,
        size=arguments.size,
    )
    mc_samples, seed = samples_of(arguments)
    with ProgressLine("evaluating", "images" if mc_samples is None else "samples") as progress:
        found = evaluate(
            predictor,
            samples,
            batch_size=arguments.batch_size,
            size=arguments.size,
            flip=arguments.flip,
            calibration=arguments.calibration or picture is not None,
            mc_samples=mc_samples,
            seed=seed,
            progress=progress,
            say=say(progress),
        )
    if picture is not None:
        with replacing(picture) as aside:
            plots.calibration(found.summary["calibration"], aside)
    write_json(arguments.json, found.summary)
    print(table(found.summary))
    print(f"prediction: {found.prediction_ms:.0f} ms an image, the median")
    if "calibration" in found.summary:
        print(f"\n{calibration_table.text(found.summary['calibration'])}")
    return 0
