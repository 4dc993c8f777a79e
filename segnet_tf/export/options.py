"""What an export can be asked for, checked as soon as it is said."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from segnet_tf.errors import UserError, did_you_mean
from segnet_tf.export import option_values
from segnet_tf.export.compression.plan import Compression
from segnet_tf.export.tflite_file import formats
from segnet_tf.export.tflite_file import uncertainty as uncertainties
from segnet_tf.export.tflite_file.formats import Format, IoType, OutputKind, Unpool
from segnet_tf.export.tflite_file.uncertainty import Uncertainty

if TYPE_CHECKING:
    from segnet_tf.data import Samples, arrays

CALIBRATION_IMAGES = 64

# What the second output says of a pixel.
UncertaintyKind = Literal["entropy"]
UNCERTAINTIES: tuple[UncertaintyKind, ...] = get_args(UncertaintyKind)


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How a model is exported.

    Attributes:
        format: `"int8"` (all of the network in int8, calibrated on the train split), `"float32"`,
            `"float16"` (float32 with weights stored in float16) or `"dynamic"` (float32 with
            weights stored in int8).
        data: images for the int8 ranges and for the checks: a folder, `"synthetic"` or
            `"synthetic:COUNT"`; `None` is what the run was trained on. Or images in memory, RGB
            0..255: an array `(N, height, width, channels)`, a list of arrays, a tuple
            `(images, labels)`, a `tf.data.Dataset` of images or pairs, batched or not, of which
            the first `calibration_images` are taken, or `limit` if that is more; or `Samples`.
            With labels (class ids, 255 for void) the file's mIoU is checked too.
        output: the file; `None` names it after the model, in the run's folder or next to the model.
        input_size: `(height, width)` in pixels; `None` is the model's own, or else the data's.
        io: dtype of input and output: `"float32"`, or with int8 `"uint8"` or `"int8"`. A label map
            is int32 always.
        output_kind: `"logits"`, `"probabilities"` (softmax or sigmoid) or `"labels"` (class ids);
            by default logits, and probabilities for a file that gives its uncertainty too.
        batch: images at a time, which the file is fixed to.
        unpool: `"builtin"`, or in float32 and float16 `"custom"`: the pair of custom ops that GPU
            delegates and XNNPACK have, see `conversion.delegate_ops`.
        mc_samples: passes with dropout whose mean the file gives, each with a fixed mask of its own
            drawn from `seed`, and with it the uncertainty; `None` for one pass without dropout.
        uncertainty: `"entropy"`, a second output: the entropy of each pixel's probabilities. A file
            with samples always has it.
        calibration_images: how many training images are measured for the int8 ranges.
        ranges: JSON report of an earlier int8 export, whose ranges are taken instead of measured;
            `None` measures, or with shipped weights and no `data` takes the shipped ones.
        labels: file with the names of the classes, which go into the file; `None` takes the run's.
        limit: score on the first so many validation images only.
        largest_drop: mIoU, as a fraction, that the file may lose; `None` is verify's own limit.
        seed: of the choice of calibration images, of training for `compression`, of the masks.
        overwrite: replace an existing file.
        compression: what to train into the model first; nothing by default.
        npu: Qualcomm SoCs, such as `("SM8750",)`, for each of which the file is also compiled ahead
            of time, see `runtimes.qualcomm`. Experimental: an emulator checks it, no phone has.
        checkpoints: what the files that keep those trainings are named after. They stay for the
            next export. `None` names them after the output and removes them once it is written.
        debug: with int8, measure what each layer loses: `layer_errors` in the report.

    Raises:
        UserError: a value or a combination that cannot be. What needs the model or a file to be
            judged is checked by `exporter.export`.
    """

    format: Format
    data: str | Path | Samples | arrays.Data | None = None
    output: str | Path | None = None
    input_size: tuple[int, int] | None = None
    io: IoType = "float32"
    output_kind: OutputKind = None  # type: ignore[assignment]  # `__post_init__` says it
    batch: int = 1
    unpool: Unpool = "builtin"
    mc_samples: int | None = None
    uncertainty: UncertaintyKind | None = None
    calibration_images: int = CALIBRATION_IMAGES
    ranges: str | Path | None = None
    labels: str | Path | None = None
    limit: int | None = None
    largest_drop: float | None = None
    seed: int = 0
    overwrite: bool = False
    compression: Compression = Compression()
    npu: tuple[str, ...] = ()
    checkpoints: str | Path | None = None
    debug: bool = False

    def __post_init__(self) -> None:
        option_values.check(vars(self))
        if self.output_kind is None:
            kind = "logits" if self.second_output is None else "probabilities"
            object.__setattr__(self, "output_kind", kind)
        formats.check(self.format, self.io, self.output_kind, self.batch, self.unpool)
        object.__setattr__(self, "input_size", option_values.size_of(self.input_size))
        if self.calibration_images < 1 or self.seed < 0:
            raise UserError(
                "`calibration_images` must be at least 1, `seed` at least 0. "
                f"Received: {self.calibration_images} and {self.seed}. "
                "Leave them out for the usual choice."
            )
        if self.largest_drop is not None and math.isnan(self.largest_drop):
            raise UserError(
                "`largest_drop` must be a number, since no score is above or below NaN. "
                "Received: nan. Leave it out for the usual limit."
            )
        self._check_int8_only()
        self._check_uncertainty()
        self._check_npu()

    def _check_npu(self) -> None:
        """What no NPU takes whole."""
        for is_given, received, why in (
            (self.format == "dynamic", "format='dynamic' (--dynamic)", "it comes out in 11 parts"),
            (self.unpool == "custom", "unpool='custom'", "its compiler has no such ops"),
        ):
            if self.npu and is_given:
                raise UserError(
                    f"`npu` (--npu) needs a file that is compiled whole. Received: {received} with "
                    f"it: {why}. Export it as int8 or float16."
                )

    @property
    def second_output(self) -> Uncertainty | None:
        """What the file's second output is made of; `None` for one output."""
        if self.mc_samples is not None:
            return Uncertainty(self.mc_samples, self.seed)
        return None if self.uncertainty is None else Uncertainty()

    def _check_uncertainty(self) -> None:
        """What a file with a second output cannot have."""
        if self.uncertainty not in (None, *UNCERTAINTIES):
            raise UserError(
                f"`uncertainty` must be one of {', '.join(UNCERTAINTIES)}. "
                f"Received: {self.uncertainty!r}. Leave it out for a file with one output."
            )
        most = uncertainties.LARGEST_SAMPLES
        if self.mc_samples is not None and not 2 <= self.mc_samples <= most:
            raise UserError(
                f"`mc_samples` (--mc-samples) must be 2 to {most} passes with dropout. Received: "
                f'{self.mc_samples}. For one pass without it give uncertainty="entropy" '
                "(--uncertainty entropy)."
            )
        self._check_second_output()

    def _check_second_output(self) -> None:
        """What does not go together with a second output."""
        if self.second_output is None:
            return
        samples = self.mc_samples is not None
        for is_given, received, why in (
            (self.output_kind == "logits", "output_kind='logits'", "is made of probabilities"),
            (self.unpool == "custom", "unpool='custom'", "is made of builtin ops"),
            (samples and self.compression, "compression", "needs dropout, which it takes out"),
            (samples and self.debug, "debug=True", "has many tensors a layer"),
        ):
            if is_given:
                name = "`mc_samples` (--mc-samples)" if samples else "`uncertainty` (--uncertainty)"
                raise UserError(f"{name} {why}. Received: {received} with it. Leave out one.")

    def _check_int8_only(self) -> None:
        """What only an int8 file has, and what goes with it."""
        for name, is_given, why in (
            ("compression.qat", self.compression.qat is not None, "trains a model for int8"),
            ("debug", self.debug, "shows what each layer loses in int8"),
            ("ranges", self.ranges is not None, "has the ranges of int8"),
        ):
            if is_given and self.format != "int8":
                option = f"--{name.rpartition('.')[2]}"
                raise UserError(
                    f'`{name}` ({option}) {why} and needs format="int8" (--int8). Received: '
                    f"format={self.format!r}. Export to int8 or leave it out."
                )
        if self.ranges is not None and self.compression:
            raise UserError(
                "`ranges` (--ranges) must not go with `compression` (--qat, --prune, --cluster), "
                "which changes the weights, and so the ranges. "
                f"Received: {self.ranges}. Leave it out."
            )


class ExportFields(TypedDict, total=False):
    """The fields of `ExportOptions` as keywords of a call, for type checkers and completion."""

    format: Format
    data: str | Path | Samples | arrays.Data | None
    output: str | Path | None
    input_size: tuple[int, int] | None
    io: IoType
    output_kind: OutputKind
    batch: int
    unpool: Unpool
    mc_samples: int | None
    uncertainty: UncertaintyKind | None
    calibration_images: int
    ranges: str | Path | None
    labels: str | Path | None
    limit: int | None
    largest_drop: float | None
    seed: int
    overwrite: bool
    compression: Compression
    npu: tuple[str, ...]
    checkpoints: str | Path | None
    debug: bool


def options_of(options: object, fields: Mapping[str, object]) -> ExportOptions:
    """The options of a call of `exporter.export`, from what stands in it.

    Args:
        options: the second argument.
        fields: the keywords.

    Raises:
        UserError: no such keyword, no format, or options of another type.
    """
    known = [field.name for field in dataclasses.fields(ExportOptions)]
    unknown = next((name for name in fields if name not in known), None)
    if unknown is not None:
        raise UserError(
            f"`export` has no argument of this name. Received: {unknown}=. "
            + did_you_mean(unknown, ("model", "options", *known))
        )
    if isinstance(options, ExportOptions):
        return dataclasses.replace(options, **fields)  # type: ignore[arg-type]
    if options is not None:
        found = repr(options) if isinstance(options, str) else type(options).__name__
        name = str(options).lower() if str(options).lower() in formats.FORMATS else "int8"
        raise UserError(
            "`options` must be ExportOptions, and a format be given by its name. Received: "
            f'{found} in second place. Write export(model, format="{name}").'
        )
    if "format" not in fields:
        raise UserError(
            f"`format` must be one of {', '.join(formats.FORMATS)}. Received: none. "
            'Give format="int8", for example.'
        )
    return ExportOptions(**fields)  # type: ignore[arg-type]
