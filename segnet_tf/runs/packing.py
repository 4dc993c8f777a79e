"""Writes a model to share, as those in `weights/`: half the size, without paths of the machine."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.runs.checkpoints import read_record, resolve
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import check_file
from segnet_tf.system.zip_files import dated_alike

_WEIGHTS = "model.weights.h5"


def pack(model: str | Path, output: str | Path, *, overwrite: bool = False) -> None:
    """Writes a model to share: kernels in float16, the configuration of its run beside it.

    A model loaded from the file computes in float32 as before. Vectors (biases, batch
    statistics) stay float32, because a variance can be smaller than any float16.

    Args:
        model: a run folder or a `.keras` file.
        output: the `.keras` file to write; the configuration goes into a `.json` of that name.
        overwrite: replace files that are there.

    Raises:
        UserError: no such model, an existing `output`, a weight beyond float16's 65504.
    """
    source, target = resolve(model), Path(output)
    if source.suffix != ".keras" or target.suffix != ".keras":
        raise UserError(
            "`model` and `output` must be .keras files (a run folder has one). "
            f"Received: {source} and {target}."
        )
    record = read_record(model)
    files = [target, *([target.with_suffix(".json")] if record else [])]
    for file in files:
        check_file(file, overwrite)
    with (
        replacing(target) as aside,
        dated_alike(),
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, _halved(content) if name == _WEIGHTS else content)
    if record:
        # Paths of the images and of other models are private, and no use to others.
        config = record["config"] | {"data": None}
        for name in ("initial_weights", "teacher"):
            model_name = config.get(name) or ""  # runs before 0.3 know no teacher
            if model_name != "imagenet" and not model_name.startswith("weights:"):
                config[name] = None
        write_json(files[1], record | {"config": config})


def _halved(content: bytes) -> bytes:
    packed = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as old, h5py.File(packed, "w") as new:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            else:
                value = item[()]
                if value.dtype.kind == "f" and not np.isfinite(value).all():
                    raise UserError(
                        "`model` must have finite weights. "
                        f"Received: NaN or infinity in {name}. Take another file."
                    )
                if value.ndim > 1 and value.dtype == np.float32:
                    if np.abs(value).max() > np.finfo(np.float16).max:
                        raise UserError(
                            "`model` must have weights that float16 can hold, up to 65504. "
                            f"Received: {np.abs(value).max():g} in {name}."
                        )
                    value = value.astype(np.float16)
                made = new.create_dataset(name, data=value)
            for key, attribute in item.attrs.items():
                made.attrs[key] = attribute

        for key, attribute in old.attrs.items():
            new.attrs[key] = attribute
        old.visititems(copy)
    return packed.getvalue()
