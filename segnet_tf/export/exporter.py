"""A trained SegNet in, a verified .tflite file out: what `segnet-tf export` calls."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import keras

from segnet_tf.data import Samples
from segnet_tf.errors import UserError
from segnet_tf.export import measuring, sources, verifier
from segnet_tf.export.bias_correction import Shifts
from segnet_tf.export.checks import layer_errors, npu, uncertainty
from segnet_tf.export.checks.report import Report
from segnet_tf.export.conversion import calibration, convert, graph, sampling
from segnet_tf.export.conversion.calibration import Ranges
from segnet_tf.export.options import ExportFields, ExportOptions, options_of
from segnet_tf.export.sources import OpenedData, Source
from segnet_tf.export.tflite_file import metadata
from segnet_tf.export.tflite_file.formats import Format
from segnet_tf.inference.image_scale import ImageScale, trained_sizes
from segnet_tf.models import output_kind
from segnet_tf.models.input_size import check_size
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.outputs import check_file

if TYPE_CHECKING:
    from segnet_tf.export.compression.trainer import Trainer


# The authors' CamVid size; used where neither the user nor the model fixes one.
DEFAULT_SIZE = (360, 480)


def export(
    model: str | Path | keras.Model | Source | None = None,
    options: ExportOptions | None = None,
    **fields: Unpack[ExportFields],
) -> tuple[Path, Report]:
    """Exports a model, checks the file and only then gives it its name.

    Args:
        model: run folder, `.keras` file or `"weights:NAME"`; `None` is the last `make demo`, or
            else the shipped weights. Or a model in memory: a `keras.Model` from RGB 0..255 to
            logits or probabilities, or a `sources.Source`.
        options: how; or else `fields` say it all.
        **fields: those of `ExportOptions`, in place of what `options` has.

    Returns:
        `(path, report)`: the file, and the `Report` of `verifier.verify`, which it passed.

    Raises:
        CheckFailed: the file broke a promise; it has been deleted.
        UserError: bad input; nothing has been written.
    """
    options = options_of(options, fields)
    source = sources.of(model)
    graph.functional_of(source.model)
    if options.output is None and source.in_memory:
        raise UserError(
            "`output` must be given for a model in memory, which has no file to be named after. "
            f"Received: none, for {source.name}. Give output='NAME.tflite'."
        )
    path = Path(options.output or default_output(source.name, options.format))
    check_file(path, options.overwrite)
    npu.check(options.npu, path, options.overwrite)
    data = source.opened(options.data, max(options.calibration_images, options.limit or 0))
    samples = source.samples(data, "val", options.limit)
    # Arrays have no names for their classes.
    named = options.data is data
    classes = source.classes(options.labels, samples if named else None)
    names, colors = (classes.names, classes.colors) if classes else (None, None)
    size = options.input_size or image_size(source, samples)
    check_size(source.model, size, "input_size")
    if options.second_output is not None:
        # What cannot be sampled is refused before anything is measured or trained.
        sampling.distribution_of(source.model, size, options.second_output)
    trainer = _trainer(options, source, data, size, path)
    trained = trainer.shrunk() if trainer else source
    ranges, measured, shifts = None, None, None
    if options.format == "int8":
        ranges, measured = measuring.ranges_of(options, trained, data, size)
    if trainer and ranges is not None:
        trained, ranges = trainer.trained_for_int8(trained, ranges)
    content = _converted(options, trained.model, size, ranges)
    if ranges is not None:
        content, shifts = measuring.unbiased(content, options, trained, data, size, ranges)
    activation = output_kind.of(source.model).activation
    second = options.second_output
    content = metadata.attach(content, options.output_kind, names, activation, second, colors)
    with replacing(path) as aside:
        aside.write_bytes(content)
        report = _checked(aside, path, options, source, trained, data, samples, ranges, shifts)
        if measured is not None:
            words = f"calibration  {measured['images']} images, {measured['data']}"
            report = report.added("calibration", measured, words)
        for soc in () if report.failures else options.npu:
            report = npu.added(report, aside, path, soc, samples)
        if report.failures:
            raise CheckFailed(report)
    if trainer and not options.checkpoints:
        trainer.remove_checkpoints()
    return path, report


def _trainer(
    options: ExportOptions,
    source: Source,
    data: OpenedData,
    size: tuple[int, int],
    path: Path,
) -> Trainer | None:
    """What trains before the conversion, if anything is to be trained."""
    if not options.compression:
        return None
    # tensorflow-model-optimization takes seconds to import.
    from segnet_tf.export.compression.trainer import Trainer

    output = output_kind.of(source.model)
    if output.kind == "probabilities":
        exclusive = output.activation == "softmax" or source.model.output_shape[-1] == 1
        if output.maker is None or not exclusive:
            raise UserError(
                "`model` must end in logits, a softmax, or a sigmoid of one channel for "
                "`compression` (--qat, --prune, --cluster). "
                f"Received: {source.name}. Leave it out."
            )
        source = dataclasses.replace(source, model=graph.network_of(source.model))
    # A model that cannot be converted is refused here, not after hours of training.
    _converted(
        options, source.model, size, calibration.AnyRange() if options.format == "int8" else None
    )
    kept_as = Path(options.checkpoints or path)
    return Trainer(options.compression, source, data, options.seed, kept_as)


def _converted(
    options: ExportOptions, model: keras.Model, size: tuple[int, int], ranges: Ranges | None
) -> bytes:
    return convert.convert(
        model,
        size,
        options.format,
        ranges=ranges,
        io=options.io,
        output_kind=options.output_kind,
        batch=options.batch,
        unpool=options.unpool,
        uncertainty=options.second_output,
    )


def _checked(
    aside: Path,
    path: Path,
    options: ExportOptions,
    source: Source,
    trained: Source,
    data: OpenedData,
    samples: Samples | None,
    ranges: Ranges | None,
    shifts: Shifts | None,
) -> Report:
    """Checks the file `aside`, to be named `path`, against the model it was made from."""
    drop = verifier.LARGEST_DROP if options.largest_drop is None else options.largest_drop
    report = verifier.verify(
        aside,
        trained.model,
        samples,
        shown_as=str(path),
        largest_drop=drop,
        unpool=options.unpool,
    )
    size = tuple(report.facts["input"]["shape"][1:3])
    if options.second_output is not None:
        alone = dataclasses.replace(options, mc_samples=None, uncertainty=None)
        plain = _converted(alone, trained.model, size, ranges)
        report = uncertainty.against_plain(report, plain, aside.read_bytes())
    if ranges is not None:
        report = report.added("ranges", ranges)
    if shifts is not None:
        words = f"biases       corrected in {len(shifts)} layers"
        report = report.added("bias_shifts", shifts, words)
    if options.compression:
        from segnet_tf.export.compression import cost

        models = source.model, trained.model
        report = cost.added(report, options.compression, *models, samples, size, drop)
    if options.debug and ranges is not None:
        train = trained.samples(data, "train")
        channels = trained.model.input_shape[-1]
        images = layer_errors.images(train, size, options.batch, options.seed, channels)
        rows = layer_errors.measure(aside.read_bytes(), trained.model, ranges, images)
        report = report.added("layer_errors", rows, f"\n{layer_errors.text(rows)}")
    return report.expecting(options.format)


class CheckFailed(Exception):
    """An exported file broke a promise. `report` is what `verifier.verify` found."""

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
    """`(height, width)` to export for: the model's own, or else the data's as training saw it."""
    height, width = source.model.input_shape[1:3]
    if height and width:
        return height, width
    trained = trained_sizes(source.record)
    if samples is None:
        return trained[1] if trained else DEFAULT_SIZE
    image, _ = samples.read(0)
    return ImageScale(None, trained).seen(image.shape[:2])
