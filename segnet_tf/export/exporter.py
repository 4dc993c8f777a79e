"""A trained SegNet in, a verified .tflite file out.

python export/tflite.py --int8 [--model RUN_OR_KERAS_FILE] [--data DIR] [--output FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError
from segnet_tf.export.compression.plan import Compression, clear_checkpoints, described
from segnet_tf.export.options import CALIBRATION_IMAGES, jobs_of, parse_options, weights_of

# The authors' CamVid size; used where neither the user nor the model fixes one.
DEFAULT_SIZE = (360, 480)


def export(
    model: Any = None,
    *,
    int8: bool,
    weights: str = "float32",
    data: str | None = None,
    output: str | Path | None = None,
    input_size: tuple[int, int] | None = None,
    io: str = "float32",
    output_kind: str = "logits",
    batch: int = 1,
    unpool: str = "builtin",
    calibration_images: int = CALIBRATION_IMAGES,
    ranges: str | Path | None = None,
    labels: str | Path | None = None,
    limit: int | None = None,
    largest_drop: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
    compression: Compression | None = None,
    checkpoints: str | Path | None = None,
    debug: bool = False,
):
    """Exports a model, checks the file and only then gives it its name.

    Args:
        model: run folder, `.keras` file or `"weights:NAME"`; `None` is the last `make demo`, or
            else the shipped weights. Or a `sources.Source`, which is loaded already.
        int8: full int8 quantization, calibrated on the train split; else float.
        weights: of a float file: `"float32"`, `"float16"`, or `"int8"` (dynamic range).
        data: a folder, `"synthetic"` or `"synthetic:COUNT"`; `None` is what the run was trained on.
        output: the file; `None` names it after the model, in the run's folder or next to the model.
        input_size: `(height, width)` in pixels; `None` is the model's own, or else the data's.
        io: dtype of input and output: `"float32"`, or with int8 `"uint8"` or `"int8"`.
        output_kind: `"logits"`, `"probabilities"` or `"labels"`.
        batch: images at a time, which the file is fixed to.
        unpool: `"builtin"`, or in float `"custom"`: the pair of ops of `delegate_ops`.
        calibration_images: how many training images set the int8 ranges.
        ranges: JSON report of an earlier int8 export, whose ranges are taken instead of measured;
            `None` measures, or with shipped weights and no `data` takes the shipped ones.
        labels: file with the classes' names, which go into the file; `None` takes the run's.
        limit: score on the first so many validation images only.
        largest_drop: mIoU, as a fraction, that the file may lose; `None` is verify's own limit.
        seed: of the choice of calibration images.
        overwrite: replace an existing file.
        compression: what to train into the model first.
        checkpoints: what the files that keep those trainings are named after, to be there for
            the next export; `None` names them after the output and removes them once it is written.
        debug: with int8, measure what each layer loses: `layer_errors` in the report.

    Returns:
        `(path, report)`: the file, and the `verify.Report` that it passed.

    Raises:
        CheckFailed: the file broke a promise; it has been deleted.
        UserError: bad input; nothing has been written.
    """
    from segnet_tf.export import sources, verify
    from segnet_tf.export.checks import layer_errors
    from segnet_tf.export.conversion import calibration, convert
    from segnet_tf.export.tflite_file import metadata
    from segnet_tf.models.input_size import check_size
    from segnet_tf.system.atomic_files import replacing

    kind = _kind(int8, weights)
    compression = compression or Compression()
    compression.check(kind, ranges)
    if debug and not int8:
        raise UserError(
            "`--debug` shows what each layer loses in int8 and needs --int8. "
            f"Received: --debug with --{kind}. Use --int8 or leave out --debug."
        )
    source = model if isinstance(model, sources.Source) else sources.open_source(model)
    original = source
    path = Path(output) if output else _default_output(source.name, kind)
    sources.check_output(path, overwrite)
    samples = source.samples(data, "val", limit)
    names = source.labels(labels, samples)
    size = input_size or image_size(source, samples)
    check_size(source.model, size, "input_size")
    options: dict[str, Any] = {
        "weights": weights,
        "io": io,
        "output_kind": output_kind,
        "batch": batch,
        "unpool": unpool,
    }
    compression.try_conversion(source.model, size, kind, **options)
    kept_as = Path(checkpoints) if checkpoints else path
    source = compression.shrink(source, data, seed, kept_as)
    found = None
    if int8:
        if ranges is None and data is None:
            ranges = source.shipped_ranges()
        if ranges is not None:
            found = calibration.read_ranges(ranges)
        else:
            found = _calibrated(source, data, calibration_images, size, seed)
        source, found = compression.train_int8(original, source, found, data, seed, kept_as)
    content = convert.convert(source.model, size, ranges=found, **options)
    content = metadata.attach(content, output_kind, names)
    drop = verify.LARGEST_DROP if largest_drop is None else largest_drop
    with replacing(path) as aside:
        aside.write_bytes(content)
        report = verify.verify(
            aside, source.model, samples, shown_as=str(path), largest_drop=drop, unpool=unpool
        )
        if int8:
            report.facts["ranges"] = found
        if debug and found is not None:
            images = layer_errors.images(source, data, size, batch, seed)
            report.facts["layer_errors"] = layer_errors.measure(
                content, source.model, found, images
            )
        if compression:
            report = compression.added_to(report, original, source, samples, size, drop)
        if report.facts["format"] != kind:
            failure = f"it is {report.facts['format']}, not {kind}"
            report = verify.Report(report.facts, (*report.failures, failure))
        if report.failures:
            raise CheckFailed(report)
    if compression and not checkpoints:
        clear_checkpoints(path)
    return path, report


def _calibrated(source, data, count, size, seed):
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

    def __init__(self, report) -> None:
        super().__init__("; ".join(report.failures))
        self.report = report


def _kind(int8: bool, weights: str) -> str:
    return "int8" if int8 else {"int8": "dynamic"}.get(weights, weights)


def _default_output(name: str, kind: str) -> Path:
    suffix = f"_{kind}.tflite"
    if name.startswith("weights:"):
        return Path(name.removeprefix("weights:") + suffix)
    path = Path(name)
    return path / f"model{suffix}" if path.is_dir() else path.with_name(path.stem + suffix)


def image_size(source, samples) -> tuple[int, int]:
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
        weights = weights_of(arguments)
        Compression.of(arguments).check_sizes(arguments.input_size)
        source = sources.open_source(arguments.model)
        path = arguments.output or _default_output(source.name, _kind(arguments.int8, weights))
        jobs = jobs_of(arguments.input_size or [None], Path(path), arguments.json)
        for size, output, report_file in jobs:  # all of them before the first takes its time
            if size is not None:
                check_size(source.model, size, "input_size")
            sources.check_output(output, arguments.overwrite)
            sources.check_output(report_file, arguments.overwrite)
        for size, output, report_file in jobs:
            if not _export_one(arguments, source, weights, size, output, report_file):
                outcome.code = 1
    return outcome.code


def _export_one(arguments, source, weights, size, output, report_file) -> bool:
    """Exports at one size and says how it went; whether the file passed."""
    from segnet_tf.export import sources

    try:
        path, report = export(
            source,
            int8=arguments.int8,
            weights=weights,
            data=arguments.data,
            output=output,
            input_size=size,
            io=arguments.io,
            output_kind=arguments.output_kind,
            batch=arguments.batch,
            unpool=arguments.unpool,
            calibration_images=arguments.calibration_images,
            ranges=arguments.ranges,
            labels=arguments.labels,
            limit=arguments.limit,
            largest_drop=None if arguments.max_drop is None else arguments.max_drop / 100,
            seed=arguments.seed,
            overwrite=arguments.overwrite,
            compression=Compression.of(arguments),
            debug=arguments.debug,
        )
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
