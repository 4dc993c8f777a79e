"""How far a run of a comparison is, and whether it is the one that is asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.runs.records import read_run
from segnet_tf.system.outputs import is_unused

State = Literal["new", "unfinished", "finished"]


def run_state(folder: Path, config: TrainConfig) -> State:
    """How far the run in a folder is.

    Args:
        folder: of the run; it may be missing.
        config: that it must have.

    Raises:
        UserError: it has another configuration, or the folder holds something else.
    """
    if is_unused(folder):
        return "new"
    record = read_run(folder) if folder.is_dir() else None
    if record is None:
        raise UserError(
            f"`output` must hold runs of `segnet-tf train`. Received: {folder}, which is none. "
            "Remove it or choose another output."
        )
    name, found, wanted = _difference(TrainConfig.from_json(record["config"]), config)
    if name is not None:
        raise UserError(
            f"`{name}` of the run in {folder} must be {wanted}, as the comparison has it. "
            f"Received: {found}. Remove that run or choose another output."
        )
    # The last file that a training writes.
    return "finished" if (folder / "scores.json").is_file() else "unfinished"


def _difference(
    found: TrainConfig, wanted: TrainConfig
) -> tuple[str, object, object] | tuple[None, None, None]:
    """The first field that differs and its values; what a run itself resolves does not count."""
    if wanted.minutes is not None:
        # A run's own record has the epochs that the minutes held.
        epochs = found.epochs
        wanted = dataclasses.replace(
            wanted, minutes=None, epochs=epochs, warmup=min(wanted.warmup, epochs / 2)
        )
    if wanted.mixed_precision == "auto":
        wanted = dataclasses.replace(wanted, mixed_precision=found.mixed_precision)
    if not (found.data.startswith("synthetic") or wanted.data.startswith("synthetic")):
        wanted = dataclasses.replace(wanted, data=found.data)  # a folder may have moved
    for field in dataclasses.fields(TrainConfig):
        have, want = getattr(found, field.name), getattr(wanted, field.name)
        # TOML and JSON have lists where a call may have tuples.
        if _plain(have) != _plain(want):
            return field.name, have, want
    return None, None, None


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value
