"""What an export can be asked for, checked as soon as it is said."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from segnet_tf.errors import UserError
from segnet_tf.export.compression.plan import Compression
from segnet_tf.export.tflite_file import formats
from segnet_tf.export.tflite_file.formats import Format, IoType, OutputKind, Unpool

CALIBRATION_IMAGES = 64


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How a model is exported.

    Attributes:
        format: `"int8"` (all of the network in int8, calibrated on the train split), `"float32"`,
            `"float16"` (float32 with weights stored in float16) or `"dynamic"` (float32 with
            weights stored in int8).
        data: a folder, `"synthetic"` or `"synthetic:COUNT"`; `None` is what the run was trained on.
        output: the file; `None` names it after the model, in the run's folder or next to the model.
        input_size: `(height, width)` in pixels; `None` is the model's own, or else the data's.
        io: dtype of input and output: `"float32"`, or with int8 `"uint8"` or `"int8"`. A label map
            is int32 always.
        output_kind: `"logits"`, `"probabilities"` (softmax or sigmoid) or `"labels"` (class ids).
        batch: images at a time, which the file is fixed to.
        unpool: `"builtin"`, or in float32 and float16 `"custom"`: the pair of custom ops that GPU
            delegates and XNNPACK have, see `conversion.delegate_ops`.
        calibration_images: how many training images are measured for the int8 ranges.
        ranges: JSON report of an earlier int8 export, whose ranges are taken instead of measured;
            `None` measures, or with shipped weights and no `data` takes the shipped ones.
        labels: file with the names of the classes, which go into the file; `None` takes the run's.
        limit: score on the first so many validation images only.
        largest_drop: mIoU, as a fraction, that the file may lose; `None` is verify's own limit.
        seed: of the choice of calibration images, and of training for `compression`.
        overwrite: replace an existing file.
        compression: what to train into the model first; nothing by default.
        checkpoints: what the files that keep those trainings are named after. They stay for the
            next export. `None` names them after the output and removes them once it is written.
        debug: with int8, measure what each layer loses: `layer_errors` in the report.

    Raises:
        UserError: a value or a combination that cannot be. What needs the model or a file to be
            judged is checked by `exporter.export`.
    """

    format: Format
    data: str | None = None
    output: str | Path | None = None
    input_size: tuple[int, int] | None = None
    io: IoType = "float32"
    output_kind: OutputKind = "logits"
    batch: int = 1
    unpool: Unpool = "builtin"
    calibration_images: int = CALIBRATION_IMAGES
    ranges: str | Path | None = None
    labels: str | Path | None = None
    limit: int | None = None
    largest_drop: float | None = None
    seed: int = 0
    overwrite: bool = False
    compression: Compression = Compression()
    checkpoints: str | Path | None = None
    debug: bool = False

    def __post_init__(self) -> None:
        formats.check(self.format, self.io, self.output_kind, self.batch, self.unpool)
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

    def _check_int8_only(self) -> None:
        """What only an int8 file has, and what goes with it."""
        if self.compression.qat is not None and self.format != "int8":
            raise UserError(
                "`--qat` trains a model for int8 and needs --int8. "
                f"Received: --qat with --{self.format}. Use --int8 or leave out --qat."
            )
        if self.debug and self.format != "int8":
            raise UserError(
                "`--debug` shows what each layer loses in int8 and needs --int8. "
                f"Received: --debug with --{self.format}. Use --int8 or leave out --debug."
            )
        if self.ranges is not None and self.format != "int8":
            raise UserError(
                "`--ranges` are those of int8 and need --int8. "
                f"Received: --ranges with --{self.format}. Use --int8 or leave out --ranges."
            )
        if self.ranges is not None and self.compression:
            raise UserError(
                "`--ranges` cannot be combined with --qat, --prune and --cluster: they change the "
                f"weights, and so the ranges. Received: {self.ranges}. Leave it out."
            )
