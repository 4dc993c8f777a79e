"""Weights by name or file, into a model that is built already."""

from __future__ import annotations

from pathlib import Path

import keras

from segnet_tf.errors import UserError
from segnet_tf.models.finite import require_finite
from segnet_tf.models.input_size import channel_words
from segnet_tf.models.pretrained import shipped
from segnet_tf.models.registry import ARCHITECTURES, Loader
from segnet_tf.models.transfer import take_what_fits
from segnet_tf.system.zip_files import require_whole


def load_weights(model: keras.Model, weights: str | Path, name: str) -> None:
    """Loads weights into a model, in place.

    Of a model in a `.keras` file each layer is taken that has the name and the shapes of one here,
    of another architecture the encoder's. If that is not all of them, a line is printed that names
    the others.

    Args:
        model: of the architecture `name`.
        weights: as `segnet_tf.models.build` takes them.
        name: one of `segnet_tf.models.NAMES`.

    Raises:
        UserError: no such weights, or they don't fit.
    """
    weights = str(weights)
    load = _pretrained(weights, name)
    if load is not None:
        channels = model.input_shape[-1]
        if channels != 3:
            raise UserError(
                f"`weights='{weights}'` are an encoder's that was trained on RGB, 3 channels. "
                f"Received: {channel_words(channels)}. Leave out `weights`."
            )
        load(model, weights)
        require_finite(model, weights, "weights")
        return
    path = shipped.path(f"{name}_{weights}") or Path(weights)
    if not path.is_file():
        raise UserError(
            f"`weights` must be a known name or an existing file. Received: weights={weights!r} "
            f"for {name}. The package has {', '.join(shipped.names())} (MODEL_NAME)."
        )
    source = None
    try:
        if path.suffix == ".keras":
            require_whole(path)
            source = keras.saving.load_model(path, compile=False)
        else:
            model.load_weights(path)
    except MemoryError:
        raise
    except Exception as error:  # zipfile, h5py and Keras each have their own
        raise UserError(
            f"`weights` must be a readable file that fits {name} with "
            f"{model.output_shape[-1]} classes. Received: {path}: "
            f"{(str(error).splitlines() or [type(error).__name__])[0]}"
        ) from error
    require_finite(source or model, path, "weights")
    if source is not None:
        found = take_what_fits(model, source, path, "weights")
        if found.fresh:
            print(found.text(weights), flush=True)


def _pretrained(weights: str, name: str) -> Loader | None:
    """The function that copies such weights; None for what Keras itself loads."""
    if weights.endswith(".weights.h5"):
        return None
    kind = Path(weights).suffix or weights
    takers = [taker for taker, row in ARCHITECTURES.items() if kind in row.pretrained]
    if takers and name not in takers:
        raise UserError(
            f"`weights='{weights}'` are an encoder's, of {_listed(takers)}. "
            f"Received: name={name!r}. Leave out `weights` or use a file of this model."
        )
    return ARCHITECTURES[name].pretrained.get(kind)


def _listed(names: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
