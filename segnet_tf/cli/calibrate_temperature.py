"""`segnet-tf calibrate-temperature`: probabilities as sure as they should be, by one number."""

from __future__ import annotations

import argparse
import dataclasses
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
    from segnet_tf.training.temperature import TemperatureFit

# Of a run, beside best.keras; the temperature itself is in the .json of that name.
NAME = "temperature.keras"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "Find the number to divide the logits by, so that the probabilities fit the validation "
        "images best, and write the model with its last layer divided by it."
    )
    parser.epilog = (
        "examples:\n"
        "  segnet-tf calibrate-temperature --model runs/mine\n"
        "  segnet-tf evaluate --model runs/mine/temperature.keras --data path/to/camvid "
        "--calibration\n"
        "  segnet-tf export --int8 --model runs/mine/temperature.keras"
    )
    what = parser.add_argument_group("model and data")
    add = what.add_argument
    add("--model", required=True, metavar="MODEL", help="run folder, .keras file or weights:NAME")
    add("--data", metavar="DIR", help="a folder, synthetic or synthetic:COUNT (the run's)")
    add("--split", metavar="NAME", help="split to fit on (the run's for val)")
    add("--limit", type=command.positive, metavar="N", help="the first N images only")
    command.add_reading_options(what)
    how = parser.add_argument_group("temperature")
    how.add_argument(
        "--pixels", type=command.positive, metavar="N", help="drawn from all images (1000000)"
    )
    how.add_argument(
        "--temperature", type=float, metavar="T", help="take this number, and look at no image"
    )
    where = parser.add_argument_group("output")
    where.add_argument(
        "--output", metavar="FILE", help=f"the .keras file to write (of a run: {NAME} in it)"
    )
    command.add_report_options(where)


def run(arguments: argparse.Namespace) -> int:
    """Finds the temperature, or takes the one that is given, and writes the model with it."""
    command.check_report(arguments)
    output = command.model_output(arguments, NAME)
    record_file = output.with_suffix(".json")
    check_file(record_file, arguments.overwrite)
    _check_given(arguments, record_file)
    start_tensorflow()
    import keras

    from segnet_tf.inference.predictors import open_predictor
    from segnet_tf.models.temperature import apply_temperature, check_temperature, logit_layers
    from segnet_tf.runs.checkpoints import resolve
    from segnet_tf.runs.records import temperature_of

    given = arguments.temperature
    if given is not None:
        check_temperature(given)
    predictor = open_predictor(arguments.model)
    network = predictor.model
    if not isinstance(network, keras.Model):
        raise UserError(
            "`model` must be a Keras model, whose last layer is divided by the temperature. "
            f"Received: {arguments.model}. Give the run or .keras file that it was exported from."
        )
    # Before the images take their time.
    logit_layers(network)
    before = temperature_of(resolve(arguments.model))
    fit, report = None, {}
    if given is None:
        samples = _samples(arguments, predictor)
        fit = _fit(predictor, samples, arguments.pixels)
        data = f"{samples.source} {samples.split}"
        report = {"images": len(samples), "data": data} | dataclasses.asdict(fit)
    temperature = given if fit is None else fit.temperature
    apply_temperature(network, temperature)
    total = before * temperature
    with replacing(output) as aside, dated_alike(aside):
        network.save(aside)
    write_json(record_file, {**(predictor.record or {}), "temperature": total})
    earlier = f", {total:.4f} with the {before:.4f} before" if before != 1 else ""
    print(f"temperature   {temperature:.4f}{earlier}")
    if fit is not None:
        print(_measures(fit))
    write_json(arguments.json, {"temperature": temperature, "in_all": total} | report)
    print(f"wrote {output}")
    return 0


def _check_given(arguments: argparse.Namespace, record_file: Path) -> None:
    """Raises UserError for options that exclude each other."""
    if arguments.json is not None and Path(arguments.json).resolve() == record_file.resolve():
        raise UserError(
            "`--json` must be another file than the one that goes with the model. "
            f"Received: {arguments.json}. Choose another name."
        )
    if arguments.temperature is None:
        return
    for name in ("data", "split", "limit", "pixels"):
        if getattr(arguments, name) is not None:
            raise UserError(
                f"`--{name}` is for finding the temperature. Received: it and "
                f"--temperature {arguments.temperature}. Leave out one of them."
            )


def _samples(arguments: argparse.Namespace, predictor: Predictor) -> Samples:
    """The images to fit on."""
    split_option.require_data(arguments, predictor, "validation images of the model")
    return split_option.open_images(
        arguments, predictor, "val", split=arguments.split, limit=arguments.limit
    )


def _fit(predictor: Predictor, samples: Samples, pixels: int | None) -> TemperatureFit:
    from segnet_tf.training.temperature import PIXELS, fit_temperature

    with ProgressLine("measuring") as progress:
        return fit_temperature(predictor, samples, pixels=pixels or PIXELS, progress=progress)


def _measures(fit: TemperatureFit) -> str:
    """What the temperature changes, as text."""
    before, after = fit.before, fit.after
    lines = [f"NLL           before {before['nll']:.4f}, after {after['nll']:.4f}"]
    for label, old, new in (
        ("ECE", before["ece"], after["ece"]),
        ("adaptive ECE", before["adaptive_ece"], after["adaptive_ece"]),
    ):
        lines.append(f"{label:12}  before {100 * old:.2f} %, after {100 * new:.2f} %")
    return "\n".join([*lines, f"pixels        {fit.pixels}, drawn from all images"])
