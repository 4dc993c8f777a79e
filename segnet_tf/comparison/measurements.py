"""What is measured of a run, and the JSON files that keep it: a killed comparison goes on there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file.formats import Format
from segnet_tf.system import processor
from segnet_tf.system.json_files import read_json, write_json
from segnet_tf.system.outputs import make_folder

FORMATS: tuple[Format, ...] = ("float32", "int8")
# What is scored: the Keras model, and the int8 file that is made of it.
Scored = Literal["keras", "int8"]
SCORED: tuple[Scored, ...] = ("keras", "int8")


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One result in a file of its own.

    Attributes:
        path: of the JSON file.
        key: all that the result depends on; a file with another key counts as missing.
    """

    path: Path
    key: Mapping[str, Any]

    def result(self) -> dict[str, Any] | None:
        """What was measured; `None` if nothing was, or of something else."""
        try:
            content = read_json(self.path)
        except UserError:
            return None
        # JSON has lists where Python has tuples.
        same = content.get("key") == json.loads(json.dumps(self.key))
        return content.get("result") if same else None

    def store(self, result: Mapping[str, Any]) -> None:
        """Keeps what was measured."""
        make_folder(self.path.parent)
        write_json(self.path, {"key": self.key, "result": result})


@dataclasses.dataclass(frozen=True)
class Job:
    """A run that is measured.

    Attributes:
        row: the name of its row.
        run: its folder.
        config: of its training.
        size: `(height, width)` in pixels at which the model sees images: scores, files and times.
        splits: that it is scored on.
    """

    row: str
    run: Path
    config: TrainConfig
    size: tuple[int, int]
    splits: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return dataclasses.asdict(self) | {"run": str(self.run)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Job:
        """The inverse of `to_json`."""
        height, width = content["size"]
        return cls(
            content["row"],
            Path(content["run"]),
            TrainConfig.from_json(content["config"]),
            (height, width),
            tuple(content["splits"]),
        )

    @property
    def folder(self) -> Path:
        """Of all that the comparison adds to the run."""
        return self.run / "compared"

    def file(self, form: Format) -> Path:
        """The exported file."""
        return self.folder / f"model_{form}.tflite"


def exports(job: Job) -> dict[Format, Measurement]:
    """Facts of each exported file; one whose file is gone has no result."""
    key = {"model": _model_key(job), "size": job.size}
    return {
        form: Measurement(
            job.folder / f"export_{form}.json", key | {"file": file_key(job.file(form))}
        )
        for form in FORMATS
    }


def scores(job: Job) -> dict[tuple[str, Scored], Measurement]:
    """Scores by split, of the Keras model and of the int8 file."""
    keys = {"keras": _model_key(job), "int8": file_key(job.file("int8"))}
    where = job.config.data
    data = where if where.startswith("synthetic") else str(Path(where).resolve())
    return {
        (split, what): Measurement(
            job.folder / f"score_{re.sub(r'[^A-Za-z0-9]+', '_', split)}_{what}.json",
            {"model": keys[what], "size": job.size, "data": data, "split": split},
        )
        for split in job.splits
        for what in SCORED
    }


def cost(job: Job) -> Measurement:
    """Parameters and multiply-adds."""
    return Measurement(job.folder / "cost.json", {"model": _model_key(job), "size": job.size})


def training_step(job: Job) -> Measurement:
    """Time and memory of a training step on this machine."""
    config = job.config.to_json() | {"seed": None, "epochs": None, "minutes": None, "warmup": None}
    key = {"config": config, "machine": processor.description()}
    return Measurement(job.folder / "training_step.json", key)


def file_key(path: Path) -> str | None:
    """Stands for the content of a file; `None` if it is not there."""
    if not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _model_key(job: Job) -> str | None:
    return file_key(job.run / "best.keras")
