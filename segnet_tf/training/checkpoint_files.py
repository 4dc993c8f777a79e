"""`last.keras`, which a run is resumed from, and `best.keras`, its result."""

from __future__ import annotations

import contextlib
import json
import math
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import keras

from segnet_tf.errors import UserError
from segnet_tf.models.finite import not_finite, require_finite
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.zip_files import dated_alike
from segnet_tf.training.epoch_log import MONITOR, Logs
from segnet_tf.training.moving_average import averaged_weights

_PROGRESS = "progress.json"


def read_progress(path: str | Path) -> int:
    """The number of finished epochs that `Checkpoints` wrote into `last.keras`."""
    with zipfile.ZipFile(path) as archive:
        epochs = json.loads(archive.read(_PROGRESS))["epochs"]
    if type(epochs) is not int or epochs < 1:
        raise ValueError(f"{_PROGRESS} has {epochs!r} for the finished epochs")
    return epochs


def finished_epochs(path: str | Path, epochs: int) -> int:
    """`read_progress` of a run of so many epochs; UserError if the file is damaged."""
    with _usable(path):
        found = read_progress(path)
        if found > epochs:
            raise ValueError(f"{_PROGRESS} has {found} finished epochs of {epochs}")
        return found


def restore(model: keras.Model, path: str | Path) -> int:
    """Puts the weights and the optimizer's state of `last.keras` into a compiled model.

    Returns:
        The number of finished epochs.

    Raises:
        UserError: the file is damaged, or of another model.
    """
    with _usable(path), warnings.catch_warnings():
        # Keras only warns when it skips an optimizer's state.
        warnings.simplefilter("error", UserWarning)
        model.load_weights(path)
        require_finite(model, path, "resume")
        return read_progress(path)


@contextlib.contextmanager
def _usable(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (
        *(OSError, KeyError, TypeError, ValueError, RecursionError, UserWarning),
        zipfile.BadZipFile,
    ) as error:
        raise UserError(
            f"`resume` needs a whole last.keras of the same model. Received: {path}: "
            f"{str(error).splitlines()[0]}. Remove it to start the run from its beginning."
        ) from error


class Checkpoints(keras.callbacks.Callback):
    """`last.keras` (with optimizer state) each epoch, `best.keras` (weights only) on a new best.

    Both are written under another name and then renamed: after `kill -9` there is the old file or
    the new one, never half of one.

    Args:
        folder: the run folder.
        inference: a model with the weights of the trained one, to save as `best.keras`. It is
            never compiled, so the file has a third of the size and loads anywhere.
        best: the best validation mean IoU so far.
    """

    def __init__(self, folder: str | Path, inference: keras.Model, best: float = -math.inf) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.best = best
        self.inference = inference

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if (found := not_finite(self.model)) is not None:
            raise UserError(
                f"`weights` must stay finite. Received: NaN or infinity in {found} after epoch "
                f"{epoch + 1}. The last good checkpoint is kept; start again with a lower "
                "`--learning-rate` or `--clip-norm 1`."
            )
        score = (logs or {}).get(MONITOR)
        if score is not None and float(score) > self.best:
            self.best = float(score)
            with (
                averaged_weights(self.model),
                replacing(self.folder / "best.keras") as aside,
                dated_alike(aside),
            ):
                self.inference.set_weights(self.model.get_weights())
                self.inference.save(aside)
        # Last: after a kill before this line the epoch is trained again, and writes the same log
        # row and the same best.keras.
        with replacing(self.folder / "last.keras") as aside, dated_alike(aside):
            self.model.save(aside)
            with zipfile.ZipFile(aside, "a") as archive:
                archive.writestr(_PROGRESS, json.dumps({"epochs": epoch + 1}))
