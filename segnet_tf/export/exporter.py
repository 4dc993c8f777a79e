"""A trained SegNet in, a verified .tflite file out.

python export/tflite.py --int8 [--model RUN_OR_KERAS_FILE] [--data DIR] [--output FILE]
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segnet_tf.errors import UserError
from segnet_tf.export.compression.plan import clear_checkpoints, described
from segnet_tf.export.options import ExportOptions, jobs_of, options_of, parse_options
from segnet_tf.export.tflite_file.formats import Format

if TYPE_CHECKING:  # Keras takes seconds to import, `--help` does not wait for it
    import keras

    from segnet_tf.data import Samples
    from segnet_tf.export.checks.report import Report
    from segnet_tf.export.conversion.calibration import Ranges
    from segnet_tf.export.sources import Source

# The authors' CamVid size; used where neither the user nor the model fixes one.
DEFAULT_SIZE = (360, 480)


def export(
    model: str | Path | keras.Model | Source | None = None,
    options: ExportOptions | None = None,
    **fields: Any,
) -> tuple[Path, Report]:
    """Exports a model, checks the file and only then gives it its name.

    Args:
        model: run folder, `.keras` file or `"weights:NAME"`; `None` is the last `make demo`, or
            else the shipped weights. Or a model in memory: a `keras.Model` from RGB 0..255 to
            logits, or a `sources.Source`.
        options: how; or else `fields` say it all.
        **fields: those of `ExportOptions`, in place of what `options` has.

    Returns:
        `(path, report)`: the file, and the `Report` of `verify.verify`, which it passed.

    Raises:
        CheckFailed: the file broke a promise; it has been deleted.
        UserError: bad input; nothing has been written.
    """
    if options is None:
        options = ExportOptions(**fields)
    else:
        options = dataclasses.replace(options, **fields)
    from segnet_tf.export import sources, verify
    from segnet_tf.export.checks import layer_errors
    from segnet_tf.export.conversion import calibration
    from segnet_tf.export.tflite_file import metadata
    from segnet_tf.models.input_size import check_size
    from segnet_tf.system.atomic_files import replacing

    source = sources.of(model)
    if options.output is None and not isinstance(model, (str, Path, sources.Source, type(None))):
        raise UserError(
            "`output` must be given for a model in memory, which has no file to be named after. "
            f"Received: none, for {source.name}. Give output='NAME.tflite'."
        )
    original = source
    data, seed, compression = options.data, options.seed, options.compression
    path = Path(options.output or default_output(source.name, options.format))
    sources.check_output(path, options.overwrite)
    samples = source.samples(data, "val", options.limit)
    names = source.labels(options.labels, samples)
    size = options.input_size or image_size(source, samples)
    check_size(source.model, size, "input_size")
    if compression:  # what cannot be converted is refused here, not after hours of training
        any_range = calibration.AnyRange() if options.format == "int8" else None
        _converted(options, source.model, size, any_range)
    kept_as = Path(options.checkpoints or path)
    source = compression.shrink(source, data, seed, kept_as)
    found = None
    if options.format == "int8":
        ranges = options.ranges
        if ranges is None and data is None:
            ranges = source.shipped_ranges()
        if ranges is not None:
            found = calibration.read_ranges(ranges)
        else:
            found = _calibrated(source, data, options.calibration_images, size, seed)
        source, found = compression.train_int8(original, source, found, data, seed, kept_as)
    content = _converted(options, source.model, size, found)
    content = metadata.attach(content, options.output_kind, names)
    drop = verify.LARGEST_DROP if options.largest_drop is None else options.largest_drop
    with replacing(path) as aside:
        aside.write_bytes(content)
        report = verify.verify(
            aside,
            source.model,
            samples,
            shown_as=str(path),
            largest_drop=drop,
            unpool=options.unpool,
        )
        if found is not None:
            report.facts["ranges"] = found
        if options.debug and found is not None:
            images = layer_errors.images(source, data, size, options.batch, seed)
            report.facts["layer_errors"] = layer_errors.measure(
                content, source.model, found, images
            )
        if compression:
            report = compression.added_to(report, original, source, samples, size, drop)
        if report.facts["format"] != options.format:
            failure = f"it is {report.facts['format']}, not {options.format}"
            report = verify.Report(report.facts, (*report.failures, failure))
        if report.failures:
            raise CheckFailed(report)
    if compression and not options.checkpoints:
        clear_checkpoints(path)
    return path, report


def _converted(
    options: ExportOptions, model: keras.Model, size: tuple[int, int], ranges: Ranges | None
) -> bytes:
    from segnet_tf.export.conversion import convert

    return convert.convert(
        model,
        size,
        options.format,
        ranges=ranges,
        io=options.io,
        output_kind=options.output_kind,
        batch=options.batch,
        unpool=options.unpool,
    )


def _calibrated(
    source: Source, data: str | None, count: int, size: tuple[int, int], seed: int
) -> Ranges:
    from segnet_tf.export.conversion import calibration
    from segnet_tf.system.progress import counted

    train = source.samples(data, "train")
    if train is None:
        raise UserError(
            "`data` must be given for --int8, to measure the ranges of the activations. "
            "Received: none, and the model does not say what it was trained on. "
            "Give --data DIR."
        )
    images = calibration.calibration_images(train, count, size, seed)
    total = min(count, len(train))
    return calibration.measure_ranges(source.model, counted(images, total, "calibrating"))


class CheckFailed(Exception):
    """An exported file broke a promise. `report` is what `verify.verify` found."""

    def __init__(self, report: Report) -> None:
        super().__init__("; ".join(report.failures))
        self.report = report


def default_output(name: str, format: Format) -> Path:
    """The file for a model of that name, where the user gives none."""
    suffix = f"_{format}.tflite"
    if name.startswith("weights:"):
        return Path(name.removeprefix("weights:") + suffix)
    path = Path(name)
    return path / f"model{suffix}" if path.is_dir() else path.with_name(path.stem + suffix)


def image_size(source: Source, samples: Samples | None) -> tuple[int, int]:
    """`(height, width)` to export for: the model's own, or else the data's."""
    height, width = source.model.input_shape[1:3]
    if height and width:
        return height, width
    if samples is None:
        return DEFAULT_SIZE
    image, _ = samples.read(0)
    return image.shape[0], image.shape[1]


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 1 if a check failed, 2 for bad input."""
    arguments = parse_options(argv)
    from segnet_tf.export import sources
    from segnet_tf.system.tensorflow_start import start_tensorflow

    start_tensorflow()
    from segnet_tf.models.input_size import check_size

    with sources.errors_in_one_line("tflite") as outcome:
        options = options_of(arguments)
        source = sources.open_source(arguments.model)
        path = arguments.output or default_output(source.name, options.format)
        jobs = jobs_of(arguments.input_size or [None], Path(path), arguments.json)
        for size, output, report_file in jobs:  # all of them before the first takes its time
            if size is not None:
                check_size(source.model, size, "input_size")
            sources.check_output(output, arguments.overwrite)
            sources.check_output(report_file, arguments.overwrite)
        for size, output, report_file in jobs:
            job = dataclasses.replace(options, input_size=size, output=output)
            if not _export_one(source, job, report_file):
                outcome.code = 1
    return outcome.code


def _export_one(source: Source, options: ExportOptions, report_file: Path | None) -> bool:
    """Exports at one size and says how it went; whether the file passed."""
    from segnet_tf.export import sources

    try:
        path, report = export(source, options)
    except CheckFailed as error:
        print(described(error.report))
        sources.write_report(report_file, error.report.to_json())
        print("tflite: a check failed, no file was written", file=sys.stderr)
        return False
    print(described(report))
    sources.write_report(report_file, report.to_json())
    print(f"wrote {path}")
    return True


if __name__ == "__main__":
    sys.exit(main())
