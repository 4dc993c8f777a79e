"""The scores of a search for CRF parameters so far: what it needs to go on after `kill -9`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError
from segnet_tf.inference.crf import CRFParameters
from segnet_tf.system.json_files import read_json, write_json
from segnet_tf.system.outputs import make_folder


class TuningState:
    """The scores so far, in `state.json` of a folder.

    Args:
        folder: made if missing. What it holds of another `identity` is removed.
        identity: JSON of all that the scores depend on.

    Attributes:
        tries: JSON of each score: parameters, number of images, mean IoU.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]):
        self._file = folder / "state.json"
        self._identity = identity
        self.tries: list[dict[str, Any]] = []
        try:
            known = read_json(self._file)
        except UserError:  # none, or none of ours
            known = {}
        if known.get("identity") == identity:
            self.tries = known["tries"]
            return
        if self._file.exists():
            shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        self._write()

    def score(
        self, parameters: CRFParameters, count: int, measure: Callable[[str], float]
    ) -> float:
        """The score on `count` images; `measure` is called, with a note, if it is not known."""
        values = parameters.to_json()["parameters"]
        for one in self.tries:
            if one["parameters"] == values and one["images"] == count:
                return float(one["mean_iou"])
        best = max((one["mean_iou"] for one in self.tries if one["images"] == count), default=None)
        note = f"try {len(self.tries) + 1}" + ("" if best is None else f", best {100 * best:.2f}")
        found = measure(note)
        self.tries.append({"parameters": values, "images": count, "mean_iou": found})
        self._write()
        return found

    def _write(self) -> None:
        write_json(self._file, {"identity": self._identity, "tries": self.tries})
