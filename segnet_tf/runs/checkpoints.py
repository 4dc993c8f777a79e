"""Models by what a user calls them: a run folder, a `.keras` or `.tflite` file, `weights:NAME`."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakKeyDictionary

import keras

# Keras looks up the classes in a file by name, so they must have been registered.
from segnet_tf import registration  # noqa: F401
from segnet_tf.errors import UserError
from segnet_tf.models.finite import require_finite
from segnet_tf.models.pretrained import shipped
from segnet_tf.runs.records import RunRecord, read_run
from segnet_tf.system.zip_files import require_whole

SHIPPED = "weights:"
# What is known of the models that `load_model` gave out and that are still in use.
_RECORDS: WeakKeyDictionary[keras.Model, RunRecord] = WeakKeyDictionary()
_FORMS = "a run folder, a .keras file, a .tflite file or weights:NAME"


def resolve(model: str | Path) -> Path:
    """The file that a model argument means; a run folder means its `best.keras`.

    Raises:
        UserError: there is no such file.
    """
    name = str(model)
    if name.startswith(SHIPPED):
        return _shipped(name)
    path = Path(name)
    if path.is_dir():
        best = path / "best.keras"
        if not best.is_file():
            raise UserError(
                f"`model` must be {_FORMS}. Received: {model}, a folder with no best.keras. "
                "Its run has not finished an epoch."
            )
        return best
    if not path.is_file():
        raise UserError(f"`model` must be {_FORMS}. Received: {model}, which does not exist.")
    return path


def load_model(model: str | Path, *, compile: bool = False) -> keras.Model:
    """Loads a Keras model.

    Args:
        model: a run folder (its `best.keras`), a `.keras` file or `"weights:NAME"`.
        compile: also restore what the model was compiled with: optimizer and its state, loss,
            metrics. Needed to train on; prediction does without.

    Returns:
        A `keras.Model` from RGB 0..255 to logits `(batch, height, width, classes)`.

    Raises:
        UserError: no such file, not one of a segmentation model, or a weight that is no number.
    """
    path = resolve(model)
    if path.suffix != ".keras":
        raise UserError(f"`model` must be a .keras file here. Received: {path}.")
    try:
        require_whole(path)
        loaded = keras.saving.load_model(path, compile=compile)
    except MemoryError:
        raise
    except Exception as error:  # zipfile, h5py and Keras each have their own
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"`model` must be a whole .keras file of this package. Received: {path}: {reason[0]}"
        ) from error
    shape = loaded.output_shape
    if not (isinstance(shape, tuple) and len(shape) == 4 and shape[-1]):
        raise UserError(
            "`model` must give logits of shape (batch, height, width, classes). "
            f"Received: {path} with outputs {shape}."
        )
    require_finite(loaded, path, "model")
    record = read_record(model)
    if record is not None:
        _RECORDS[loaded] = record
    return loaded


def read_record(model: str | Path | keras.Model) -> RunRecord | None:
    """What is known of the run that a model comes from: its `config.json`, or None.

    Args:
        model: as for `load_model`, a `.tflite` file, or a model that `load_model` returned.
    """
    if isinstance(model, keras.Model):
        return _RECORDS.get(model)
    name = str(model)
    if name.startswith(SHIPPED):
        return read_run(_shipped(name).with_suffix(".json"))
    return read_run(name)


def shipped_names() -> list[str]:
    """The names of the weights that come with the package, as `load_model` takes them."""
    return [SHIPPED + name for name in shipped.names()]


def _shipped(name: str) -> Path:
    path = shipped.path(name.removeprefix(SHIPPED))
    if path is None:
        raise UserError(
            "`model` must be one of the weights in the package: "
            f"{', '.join(shipped_names()) or 'none are'}. Received: {name}."
        )
    return path
