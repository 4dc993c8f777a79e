"""What the export commands have in common: which model, which data, where to, and errors."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segnet_tf.errors import UserError
from segnet_tf.system import places

if TYPE_CHECKING:
    import keras

DEMO = places.work() / "runs" / "demo"
RANGES = Path(__file__).resolve().parent / "ranges"


@dataclasses.dataclass(frozen=True)
class Source:
    """A trained Keras model and what is known of its training.

    Attributes:
        name: what the user called it.
        model: the `keras.Model`, not compiled.
        record: its run's `config.json`, or `None`.
    """

    name: str
    model: Any
    record: dict[str, Any] | None

    def samples(self, data: str | None, split: str, limit: int | None = None) -> Any:
        """The split of `data`, or of the data the model was trained on; `None` without either.

        Raises:
            UserError: the data cannot be opened, or has other classes than the model.
        """
        from segnet_tf.runs.records import open_split

        config = (self.record or {}).get("config", {})
        data = data or config.get("data")
        if data is None:
            return None
        size = config.get("size")
        samples = open_split(data, split, tuple(size) if size else None, limit)
        channels = self.model.output_shape[-1]
        if max(channels, 2) != len(samples.classes):
            raise UserError(
                f"`data` must have the {max(channels, 2)} classes of the model. "
                f"Received: {len(samples.classes)} in {data}. Give the data it was trained on."
            )
        return samples

    def labels(self, path: str | Path | None, samples: Any = None) -> tuple[str, ...] | None:
        """Class names: of a label file, or else the run's, or else those of the data.

        Args:
            path: of the label file.
            samples: of the data that was given, if any was.

        Raises:
            UserError: they don't fit the model.
        """
        from segnet_tf.export.tflite_file import metadata
        from segnet_tf.runs.records import run_classes

        if path is not None:
            labels, known_from = metadata.label_file(path), str(path)
        elif self.record is not None:
            labels, known_from = run_classes(self.record).names, f"the run of {self.name}"
        elif samples is not None:
            labels, known_from = samples.classes.names, samples.source
        else:
            return None
        return metadata.check_labels(labels, self.model.output_shape[-1], known_from)

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
    return Source(model.name, model, None)


def open_source(model: str | None) -> Source:
    """Loads a model by what the user calls it; `None` means the last demo, or shipped weights."""
    from segnet_tf.models.pretrained import shipped
    from segnet_tf.runs.checkpoints import SHIPPED, load_model, read_record

    if model is None:
        model = str(DEMO) if (DEMO / "best.keras").is_file() else f"{SHIPPED}{shipped.DEFAULT}"
    return Source(model, load_model(model), read_record(model))


def check_output(path: str | Path | None, overwrite: bool) -> None:
    """Raises UserError if the file is there already, or its folder is not."""
    if path is None:
        return
    path = Path(path)
    try:
        exists, is_folder, has_folder = path.exists(), path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a name that is too long
        raise UserError(
            f"`output` must be a file that can be written. Received: {path}: {error.strerror}."
        ) from error
    if is_folder:
        raise UserError(f"`output` must be a file. Received: {path}, a folder. Name a file in it.")
    if exists and not overwrite:
        raise UserError(
            f"`output` must be a new file. Received: {path}, which exists. "
            "Give another name or --overwrite."
        )
    if not has_folder:
        raise UserError(
            f"`output` must be in an existing folder. Received: {path}. Make {path.parent} first."
        )


def write_report(path: str | Path | None, content: dict[str, Any]) -> None:
    """Writes a report as JSON, all of it or nothing."""
    from segnet_tf.system.json_files import write_json

    if path is not None:
        write_json(path, content)


@dataclasses.dataclass
class Outcome:
    """The exit code a command has decided on."""

    code: int = 0


@contextlib.contextmanager
def errors_in_one_line(command: str) -> Iterator[Outcome]:
    """Turns a UserError into one line on stderr and exit code 2."""
    outcome = Outcome()
    try:
        yield outcome
    except UserError as error:
        print(f"{command}: error: {error}", file=sys.stderr)
        outcome.code = 2
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        outcome.code = 130
