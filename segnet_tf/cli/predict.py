"""`segnet-tf predict`: masks and overlays of images, overlays of videos and cameras."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from segnet_tf.cli import command
from segnet_tf.cli.crf_option import add_crf_option, open_model
from segnet_tf.cli.evaluate import MODEL, add_prediction_options, say
from segnet_tf.cli.samples_option import add_samples_options, check_samples, samples_of
from segnet_tf.errors import UserError
from segnet_tf.system.progress import ProgressLine
from segnet_tf.system.tensorflow_start import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Write masks and overlays of images, or the overlay of a video."
    parser.epilog = (
        "examples:\n"
        "  segnet-tf predict --model runs/mine --input photos/ --output masks/\n"
        "  segnet-tf predict --model weights:segnet_lite_camvid --input drive.mp4 --output out/\n"
        "  segnet-tf predict --model runs/bayesian --mc-samples 40 --input photos/ --output out/"
    )
    what = parser.add_argument_group("model and images")
    what.add_argument("--model", required=True, metavar="MODEL", help=MODEL)
    what.add_argument(
        "--input",
        required=True,
        metavar="PATH",
        help="an image, a folder of images, synthetic, a video file, or camera:0",
    )
    what.add_argument(
        "--limit", type=command.positive, metavar="N", help="the first N images or frames only"
    )
    what.add_argument("--image-range", type=int, metavar="WHITE", help=command.IMAGE_RANGE)
    how = parser.add_argument_group("prediction")
    add_prediction_options(how)
    add_crf_option(how)
    add_samples_options(how)
    where = parser.add_argument_group("output")
    where.add_argument(
        "--output", required=True, metavar="DIR", help="folder for masks, overlays and legend"
    )
    where.add_argument("--overwrite", action="store_true", help="replace files in --output")


def run(arguments: argparse.Namespace) -> int:
    """Predicts images, or a video where `--input` is one."""
    check_samples(arguments)
    start_tensorflow()
    from segnet_tf.inference.video import is_video

    return _video(arguments) if is_video(arguments.input) else _images(arguments)


def _images(arguments: argparse.Namespace) -> int:
    from segnet_tf.inference.image_files import predict_files
    from segnet_tf.inference.image_inputs import find_images
    from segnet_tf.inference.image_scale import scene_size
    from segnet_tf.runs.splits import reading_of

    predictor = open_model(arguments)
    source, output = Path(arguments.input), Path(arguments.output)
    if output.exists() and source.exists() and source.samefile(output):
        raise UserError(
            f"`--output` must be another folder than `--input`. Received: {output} for both, "
            "where masks would be taken for images the next time. Choose another --output."
        )
    size = scene_size(predictor.scale, arguments.size)
    white = arguments.image_range or reading_of(
        predictor.record["config"] if predictor.record else {}
    ).get("image_range")
    images = find_images(arguments.input, arguments.limit, size, predictor.image_channels, white)
    samples, seed = samples_of(arguments)
    with ProgressLine("predicting", "images" if samples is None else "samples") as progress:
        written = predict_files(
            predictor,
            images,
            output,
            size=arguments.size,
            flip=arguments.flip,
            mc_samples=samples,
            seed=seed,
            overwrite=arguments.overwrite,
            progress=progress,
            say=say(progress),
        )
    print(f"{len(written)} files written to {arguments.output}")
    return 0


def _video(arguments: argparse.Namespace) -> int:
    if arguments.mc_samples is not None:
        raise UserError(
            "`--mc-samples` must come with images, not with a video or camera. "
            f"Received: --input {arguments.input}. Predict its frames as images."
        )
    from segnet_tf.inference.video import predict_video, warnings_of
    from segnet_tf.inference.video_reader import import_av, is_camera

    import_av()  # first: without it nothing else matters
    with ProgressLine("predicting", "frames") as progress:
        report = predict_video(
            open_model(arguments),
            arguments.input,
            arguments.output,
            size=arguments.size,
            flip=arguments.flip,
            limit=arguments.limit,
            overwrite=arguments.overwrite,
            progress=progress,
            say=say(progress),
        )
    for warning in warnings_of(report):
        print(f"segnet-tf: {arguments.input}: {warning}", file=sys.stderr)
    # Ctrl-C is how to stop a camera; a file was not read to its end.
    if report.interrupted and not is_camera(arguments.input):
        raise KeyboardInterrupt(f"interrupted: {report}")
    print(report)
    return 0
