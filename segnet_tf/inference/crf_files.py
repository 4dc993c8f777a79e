"""The CRF's parameters in a file, `crf.json` of a run, and which of them a user means."""

from __future__ import annotations

from pathlib import Path

from segnet_tf.inference.crf import CRFParameters
from segnet_tf.runs.checkpoints import SHIPPED, resolve
from segnet_tf.runs.records import CRF_FILE, read_run
from segnet_tf.system.json_files import read_json


def file_of(model: str | Path) -> Path | None:
    """The `crf.json` of a model's run, whether it exists or not; None outside a run folder.

    Args:
        model: a run folder, a file in one, any other file, or "weights:NAME".

    Raises:
        UserError: no such model.
    """
    folder = resolve(model).parent
    in_run = not str(model).startswith(SHIPPED) and read_run(folder) is not None
    return folder / CRF_FILE if in_run else None


def read_parameters(file: str | Path) -> CRFParameters:
    """The parameters in a file that `segnet-tf tune-crf` wrote.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    return CRFParameters.from_json(read_json(file), str(file))


def find_parameters(asked: str | Path | None, model: str | Path) -> tuple[CRFParameters, str]:
    """The parameters that a user means, and where they come from, in words.

    Args:
        asked: a file; None for the run's, or else the defaults.
        model: as for `file_of`.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    file = file_of(model) if asked is None else Path(asked)
    if file is None or (asked is None and not file.exists()):
        return CRFParameters(), "the defaults; segnet-tf tune-crf finds those of your model"
    return read_parameters(file), str(file)
