"""`segnet-tf tune-crf`: the parameters of a fully connected CRF that suit a model best."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segnet_tf.cli import command, split_option
from segnet_tf.cli.evaluate import MODEL, add_prediction_options
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import check_file
from segnet_tf.system.processor import usable_cores
from segnet_tf.system.progress import ProgressLine
from segnet_tf.system.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from segnet_tf.data import Samples
    from segnet_tf.inference.crf_tuning import Scored


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "Find the parameters of a fully connected CRF with the best mean IoU: a coarse grid on a "
        "few images, then steps around the best on all. Interrupted, it goes on where it was."
    )
    parser.epilog = (
        "examples:\n"
        "  segnet-tf tune-crf --model runs/mine --data path/to/camvid\n"
        "  segnet-tf evaluate --model runs/mine --data path/to/camvid --split test --crf"
    )
    what = parser.add_argument_group("model and data")
    add = what.add_argument
    add("--model", required=True, metavar="MODEL", help=MODEL)
    add("--data", required=True, metavar="DIR", help="a folder, synthetic or synthetic:COUNT")
    add("--split", metavar="NAME", help="split to tune on (the run's for val)")
    add("--limit", type=command.positive, metavar="N", help="the first N images only")
    command.add_reading_options(what)
    how = parser.add_argument_group("prediction")
    add_prediction_options(how)
    how.add_argument(
        "--iterations", type=command.positive, metavar="N", help="of mean field, all cost time (5)"
    )
    where = parser.add_argument_group("output")
    where.add_argument(
        "--output", metavar="FILE", help="the JSON file to write (of a run: crf.json in it)"
    )
    command.add_report_options(where)


def run(arguments: argparse.Namespace) -> int:
    """Searches, prints the scores before and after, and writes the parameters."""
    command.check_report(arguments)
    start_tensorflow()
    from segnet_tf.inference.crf import CRFParameters
    from segnet_tf.inference.crf_tuning import tune_crf
    from segnet_tf.inference.predictors import open_predictor
    from segnet_tf.inference.uncertainty import one_pass
    from segnet_tf.runs.records import require_same_order

    output = _output(arguments)
    predictor = open_predictor(arguments.model)
    count = arguments.iterations
    start = CRFParameters() if count is None else CRFParameters(iterations=count)
    predictor.with_crf(start)  # refuses what cannot have a CRF before the data is read
    samples = split_option.open_images(
        arguments,
        predictor,
        "val",
        split=arguments.split,
        limit=arguments.limit,
        size=arguments.size,
    )
    predictor.check_classes(len(samples.classes))
    require_same_order(predictor.record, samples.classes, samples.source)
    with _TriesLine() as progress:
        tuned = tune_crf(
            one_pass(predictor, size=arguments.size, flip=arguments.flip),
            samples.in_channels(predictor.image_channels),
            output,
            identity=_identity(arguments, samples),
            start=start,
            processes=usable_cores(),
            progress=progress,
        )
    rows = (("plain", tuned.before), ("CRF, defaults", tuned.defaults), ("CRF, tuned", tuned.after))
    print(f"{'':13}  mean IoU  boundary F1  ms an image")
    for name, scored in rows:
        print(_row(name, scored))
    print(f"{len(samples)} images, {samples.source} {samples.split}, percent; {tuned.tries} tries")
    if tuned.after["mean_iou"] <= tuned.before["mean_iou"]:
        print("segnet-tf: no CRF is better than none for this model", file=sys.stderr)
    write_json(arguments.json, tuned.to_json())
    print(f"wrote {output}")
    return 0


class _TriesLine:
    """A progress line for each try."""

    def __init__(self) -> None:
        self._line = ProgressLine("tuning")

    def __call__(self, done: int, total: int, note: str) -> None:
        if done == 1:
            self._line.close()
            self._line = ProgressLine("tuning")
        self._line(done, total, note)

    def __enter__(self) -> _TriesLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()


def _row(name: str, scored: Scored) -> str:
    spent = f"{scored['milliseconds']:.0f}" if scored["milliseconds"] else "-"
    iou, boundary = 100 * scored["mean_iou"], 100 * scored["boundary_f1"]
    return f"{name:13}  {iou:8.2f}  {boundary:11.2f}  {spent:>11}"


def _output(arguments: argparse.Namespace) -> Path:
    """The file to write; UserError if it may not be written."""
    from segnet_tf.inference.crf_files import file_of

    output = file_of(arguments.model) if arguments.output is None else Path(arguments.output)
    if output is None:
        raise UserError(
            "`--output` must name the JSON file to write, unless `--model` belongs to a run. "
            f"Received: no --output for {arguments.model}. Pass --output crf.json."
        )
    if output.suffix != ".json":
        raise UserError(
            f"`output` must be a .json file. Received: {output}. Write for example crf.json."
        )
    check_file(output, arguments.overwrite)
    return output


def _identity(arguments: argparse.Namespace, samples: Samples) -> dict[str, Any]:
    """What the scores depend on, for the report too."""
    from segnet_tf.runs.checkpoints import resolve

    return {
        "model": arguments.model,
        "model_sha256": hashlib.sha256(resolve(arguments.model).read_bytes()).hexdigest(),
        "data": samples.source,
        "split": samples.split,
        "size": list(arguments.size) if isinstance(arguments.size, tuple) else arguments.size,
        "flip": arguments.flip,
    }
