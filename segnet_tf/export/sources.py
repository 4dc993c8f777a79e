"""Which model is exported, and what is known of it: its data, its class names, its ranges."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import keras

from segnet_tf.data import Classes, Samples, arrays
from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file import metadata
from segnet_tf.models.finite import require_finite
from segnet_tf.models.pretrained import shipped
from segnet_tf.runs.checkpoints import SHIPPED, load_model, read_record
from segnet_tf.runs.records import RunRecord, require_same_order, run_classes
from segnet_tf.runs.splits import run_split
from segnet_tf.system import places

DEMO = places.work() / "runs" / "demo"
RANGES = Path(__file__).resolve().parent / "ranges"


# A folder or synthetic scenes by name, or images that are in memory or listed already; None is what
# the model was trained on.
OpenedData = str | Samples | None


@dataclasses.dataclass(frozen=True)
class Source:
    """A trained Keras model and what is known of its training.

    Attributes:
        name: what the user called it.
        model: from RGB 0..255, or other channels, to logits or probabilities; not compiled.
        record: the `config.json` of its run, or `None`.
        in_memory: `name` is the model's own, and no file or run.
    """

    name: str
    model: keras.Model
    record: RunRecord | None
    in_memory: bool = False

    def opened(self, data: str | Path | Samples | arrays.Data | None, count: int) -> OpenedData:
        """`data` as `samples` takes it: what lies in memory as `Samples`.

        Args:
            data: see `ExportOptions`.
            count: how many images of a `tf.data.Dataset` are taken.

        Raises:
            UserError: images or labels that the model cannot take.
        """
        if data is None or isinstance(data, (str, Samples)):
            return data
        if isinstance(data, Path):
            return str(data)
        *_, channels = self.model.input_shape
        known = None if self.record is None else run_classes(self.record)
        count_of_classes = max(self.model.output_shape[-1], 2)
        return arrays.samples_of(data, channels, count, known or count_of_classes)

    def samples(
        self,
        data: OpenedData,
        use: Literal["train", "val"],
        limit: int | None = None,
        *,
        split: str | None = None,
    ) -> Samples | None:
        """Images of `data`, or of the data the model was trained on; `None` without either.

        Args:
            data: a folder, `"synthetic"` or `"synthetic:COUNT"`, or `Samples`, which serve every
                use.
            use: what the images are for. They are those of the run's own split for it.
            limit: the first so many images only.
            split: another split by its name.

        Raises:
            UserError: the data cannot be opened, or has other classes than the model.
        """
        config = self.record["config"] if self.record else {}
        if isinstance(data, Samples):
            samples = data if limit is None or use == "train" else data.subset(limit)
            where = data.source
        elif data is None and config.get("data") is None:
            return None
        else:
            samples = run_split(self.record, use, data, limit, split=split)
            where = data or config["data"]
        samples = samples.in_channels(self.model.input_shape[-1])
        channels = self.model.output_shape[-1]
        if max(channels, 2) != len(samples.classes):
            raise UserError(
                f"`data` must have the {max(channels, 2)} classes of the model. "
                f"Received: {len(samples.classes)} in {where}. "
                "Give the data it was trained on."
            )
        require_same_order(self.record, samples.classes, where)
        return samples

    def classes(self, path: str | Path | None, samples: Samples | None = None) -> Classes | None:
        """Names and colors: of a label file, or else the run's, or else those of the data.

        Args:
            path: of the label file; one that has no colors gives other names to those known.
            samples: of the data that was given, if any was.

        Raises:
            UserError: they don't fit the model.
        """
        known, known_from = None, ""
        if self.record is not None:
            known, known_from = run_classes(self.record), f"the run of {self.name}"
        elif samples is not None:
            known, known_from = samples.classes, samples.source
        if path is not None:
            file, known_from = metadata.label_file(path), str(path)
            renames = known is not None and not file.by_color and len(known) == len(file.classes)
            known = Classes(file.classes.names, known.colors) if known and renames else file.classes
        if known is not None:
            metadata.check_labels(known.names, self.model.output_shape[-1], known_from)
        return known

    def shipped_ranges(self) -> Path | None:
        """Where the int8 ranges of shipped weights are, so that they export without their data."""
        if not self.name.startswith("weights:"):
            return None
        path = RANGES / f"{self.name.removeprefix('weights:')}.json"
        return path if path.is_file() else None


def of(model: str | Path | keras.Model | Source | None) -> Source:
    """The source of whatever `exporter.export` takes as its model."""
    if isinstance(model, Source):
        return model
    if model is None or isinstance(model, (str, Path)):
        return open_source(None if model is None else str(model))
    if not isinstance(model, keras.Model):
        raise UserError(
            "`model` must be a keras.Model, a run folder, a .keras file or weights:NAME. "
            f"Received: {type(model).__name__}. Load it with segnet_tf.load_model, for example."
        )
    require_finite(model, model.name, "model")
    return Source(model.name, model, read_record(model), in_memory=True)


def open_source(model: str | None) -> Source:
    """Loads a model by what the user calls it; `None` means the last demo, or shipped weights."""
    if model is None:
        model = str(DEMO) if (DEMO / "best.keras").is_file() else f"{SHIPPED}{shipped.DEFAULT}"
    return Source(model, load_model(model), read_record(model))
