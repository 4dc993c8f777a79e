"""The scores of a search for CRF parameters so far: what it needs to go on after `kill -9`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError
from segnet_tf.inference.crf import CRFParameters
from segnet_tf.system.json_files import read_json, write_json
from segnet_tf.system.locks import only_writer
from segnet_tf.system.outputs import is_unused, make_folder


class TuningState:
    """The scores so far, in `state.json` of a folder that one process has at a time.

    Args:
        folder: made if missing. What a search of another `identity` has left there is removed.
        identity: JSON of all that the scores depend on.

    Attributes:
        tries: JSON of each score: parameters, number of images, mean IoU.

    Raises:
        UserError: the folder is another's, or another process is at work there.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]):
        self._file = folder / "state.json"
        self._folder = folder
        self._identity = identity
        self._held = contextlib.ExitStack()
        self.tries: list[dict[str, Any]] = []

    def __enter__(self) -> TuningState:
        make_folder(self._folder)
        with contextlib.ExitStack() as held:
            held.enter_context(only_writer(self._folder, "output"))
            self._begin()
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        with contextlib.suppress(OSError):  # it is not empty
            self._folder.rmdir()

    def _begin(self) -> None:
        if is_unused(self._folder):
            self._write()
            return
        try:
            known = read_json(self._file)
            identity, tries = known["identity"], known["tries"]
        except (UserError, KeyError) as error:
            raise UserError(
                "`output` needs a folder of its own for the search. Received: "
                f"{self._folder}, which holds other files. Remove it or choose another output."
            ) from error
        if identity == self._identity and all(map(_is_score, tries)):
            self.tries = tries
            return
        self.remove()
        self._write()

    def remove(self) -> None:
        """Removes the files of the search."""
        for path in (self._file, *self._folder.glob("*.npz")):
            if path == self._file or path.stem.isdecimal():
                path.unlink(missing_ok=True)

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


def _is_score(one: object) -> bool:
    if not isinstance(one, dict) or not {"parameters", "images"} <= set(one):
        return False
    found = one.get("mean_iou")
    return isinstance(found, float) and 0 <= found <= 1
