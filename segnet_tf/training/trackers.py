"""Where a run's numbers and pictures go besides its folder: TensorBoard, W&B, MLflow.

W&B and MLflow have Keras callbacks of their own. MLflow's (3.17) puts every validation at step 0,
W&B's (0.31) counts epochs from 0, where log.csv begins with 1, and neither has pictures: here their
`log` functions get the row of log.csv instead.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from segnet_tf.config import TRACKERS, TrainConfig
from segnet_tf.data import Samples
from segnet_tf.errors import UserError, printable
from segnet_tf.inference.predictors import Predictor
from segnet_tf.runs.records import TRACKERS_FILE, read_run
from segnet_tf.system.json_files import read_json, write_json
from segnet_tf.system.typed import require_types
from segnet_tf.training.epoch_log import MONITOR, EpochLog, Logs
from segnet_tf.training.moving_average import averaged_weights
from segnet_tf.training.reports import draw_predictions

_PICTURE = "predictions"
# Its packages ask for older ones than this version was tested with.
_INSTALL = {"mlflow": "docs/trackers.md says how"}


@dataclass(frozen=True)
class Tracker:
    """A run that is open in a tracker.

    Attributes:
        name: of the tracker, as in `TRACKERS`.
        place: where the run is found, for a person.
        log: takes an epoch, counted from 1, its numbers by the names of log.csv, and uint8
            `(H, W, 3)` of predictions where it was validated, else None.
        run: what the tracker calls the run; None if it needs no name to go on.
        errors: what `log` may raise.
        hooks: callbacks of Keras's that belong to it.
    """

    name: str
    place: str
    log: Callable[[int, Mapping[str, float], np.ndarray | None], None]
    run: str | None = None
    errors: tuple[type[Exception], ...] = (OSError,)
    hooks: list[keras.callbacks.Callback] = field(default_factory=list)


def require_installed(config: TrainConfig) -> None:
    """Raises UserError if the package of a wanted tracker is missing."""
    for name in _wanted(config):
        if importlib.util.find_spec(name) is None:
            raise UserError(
                f"`{name}` needs the package of that name. Received: {name}=True and no such "
                f"package. Install it ({_INSTALL.get(name, f'pip install {name}')}) or "
                f"{_leave_out(name)}."
            )


@contextlib.contextmanager
def opened(config: TrainConfig, folder: Path, begun: bool) -> Iterator[list[Tracker]]:
    """The run in each wanted tracker, until the block ends; the tracker sees if by an error.

    Args:
        config: of the run.
        folder: of the run.
        begun: it goes on with the runs that `keep` wrote down.

    Raises:
        UserError: a tracker cannot be reached, or does not know the run any more.
    """
    file = folder / TRACKERS_FILE
    known = read_json(file) if begun and file.is_file() else {}
    require_types(known, dict.fromkeys(TRACKERS, str), file)
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_OPEN[n](config, folder, known.get(n))) for n in _wanted(config)]


def keep(trackers: list[Tracker], folder: Path) -> None:
    """Writes down what the trackers call the run, and says where they have it."""
    names = {tracker.name: tracker.run for tracker in trackers if tracker.run is not None}
    if names:
        write_json(folder / TRACKERS_FILE, names)
    for tracker in trackers:
        print(f"{tracker.name:<12} {tracker.place}", flush=True)


class Track(keras.callbacks.Callback):
    """Sends each epoch to the trackers: its row of log.csv, and pictures where it was validated.

    A tracker that fails is a warning: training goes on, and the next epoch is sent again.

    Args:
        trackers: open ones.
        log: has written the epoch's row when this is called.
        inference: see `Checkpoints`; it draws the pictures, because the trained model can only be
            called by all workers together.
        folder: of the run, with its config.json.
        samples: of validation, to draw.
    """

    def __init__(
        self,
        trackers: list[Tracker],
        log: EpochLog,
        inference: keras.Model,
        folder: Path,
        samples: Samples,
    ) -> None:
        super().__init__()
        self.trackers = trackers
        self.log = log
        self.inference = inference
        self.predictor = Predictor(inference, str(folder), read_run(folder))
        self.samples = samples

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        row = self.log.rows[-1]
        numbers = {name: value for name, value in row.items() if name != "epoch"}
        picture = self._picture() if MONITOR in row else None
        for tracker in self.trackers:
            try:
                tracker.log(epoch + 1, numbers, picture)
            except tracker.errors as error:
                print(
                    f"\nwarning: {tracker.name} has not got epoch {epoch + 1}: {_line(error)}",
                    file=sys.stderr,
                )

    def _picture(self) -> np.ndarray:
        with averaged_weights(self.model):
            self.inference.set_weights(self.model.get_weights())
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "predictions.png")
            draw_predictions(self.predictor, self.samples, file)
            return np.asarray(Image.open(file).convert("RGB"))


@contextlib.contextmanager
def _tensorboard(config: TrainConfig, folder: Path, run: str | None) -> Iterator[Tracker]:
    """Keras's own callback has the numbers; its epochs begin with 0, and so does the picture's."""
    place = folder / "tensorboard"
    writer = tf.summary.create_file_writer(str(place / "validation"))

    def log(epoch: int, numbers: Mapping[str, float], picture: np.ndarray | None) -> None:
        if picture is not None:
            with writer.as_default():
                tf.summary.image(_PICTURE, picture[None], step=epoch - 1)
            writer.flush()

    hooks = [keras.callbacks.TensorBoard(place)]
    with contextlib.closing(writer):
        yield Tracker("tensorboard", str(place), log, hooks=hooks)


@contextlib.contextmanager
def _wandb(config: TrainConfig, folder: Path, run: str | None) -> Iterator[Tracker]:
    """A run of W&B; project, entity and mode by its own variables, WANDB_MODE=offline for none."""
    import wandb

    with _reached("wandb", wandb.Error, "Log in (wandb login), set WANDB_MODE=offline"):
        found = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "segnet_tf"),
            # Its own default is the folder that the command is called in.
            dir=os.environ.get("WANDB_DIR", str(folder)),
            name=folder.resolve().name,
            config=config.to_json(),
            id=run,
            resume="allow",
            # A run that the caller has open in this process stays as it is.
            reinit="create_new",
            # It would put itself between the progress lines and the terminal.
            settings=wandb.Settings(console="off", silent=True),
        )

    def log(epoch: int, numbers: Mapping[str, float], picture: np.ndarray | None) -> None:
        shown = {} if picture is None else {_PICTURE: wandb.Image(picture)}
        # Committed: else the row waits for the next one, and a kill loses it. A row that is there,
        # because the epoch was trained before a kill, is left as it is: it is the same.
        found.log({**numbers, **shown}, step=epoch, commit=True)

    place = found.settings.sync_dir if found.offline else found.url
    # Not `with found`, which prints the traceback of what ends the block.
    code = 1
    try:
        yield Tracker("wandb", str(place), log, found.id, (OSError, wandb.Error))
        code = 0
    finally:
        found.finish(exit_code=code)


@contextlib.contextmanager
def _mlflow(config: TrainConfig, folder: Path, run: str | None) -> Iterator[Tracker]:
    """A run of MLflow; its store and experiment by its own variables, MLFLOW_TRACKING_URI first."""
    import mlflow
    from mlflow.exceptions import MlflowException

    with _reached("mlflow", MlflowException, "Set MLFLOW_TRACKING_URI to the store of the run"):
        # Nested: a run that the caller has open in this thread stays as it is.
        found = mlflow.start_run(run, run_name=None if run else folder.resolve().name, nested=True)
        identity = found.info.run_id
        if run is None:  # a run that goes on has them, and MLflow lets none be changed
            mlflow.log_params(config.to_json())

    def log(epoch: int, numbers: Mapping[str, float], picture: np.ndarray | None) -> None:
        mlflow.log_metrics(dict(numbers), step=epoch, run_id=identity)
        if picture is not None:
            mlflow.log_image(picture, key=_PICTURE, step=epoch, synchronous=True)

    place = f"run {identity} in {mlflow.get_tracking_uri()}"
    with found:
        yield Tracker("mlflow", place, log, identity, (OSError, MlflowException))


@contextlib.contextmanager
def _reached(name: str, kind: type[Exception], cure: str) -> Iterator[None]:
    """Makes what a tracker says when it cannot open the run one line."""
    try:
        yield
    except (OSError, ValueError, kind) as error:  # ValueError: of a variable like WANDB_MODE
        raise UserError(
            f"`{name}` must be able to open the run. Received: {_line(error).rstrip('.')}. "
            f"{cure}, correct its variables, or {_leave_out(name)}."
        ) from error


def _leave_out(name: str) -> str:
    return f"leave it out (--{name}; of a run that has begun: false in its config.json)"


def _line(error: Exception) -> str:
    return printable(str(error).strip().partition("\n")[0]) or type(error).__name__


def _wanted(config: TrainConfig) -> list[str]:
    return [name for name in TRACKERS if getattr(config, name)]


_OPEN: dict[str, Callable[[TrainConfig, Path, str | None], AbstractContextManager[Tracker]]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}
