"""A run that takes a second: a network of 300 weights on a few synthetic scenes of 32x32.

`python tiny_run.py FOLDER STEPS JSON` trains and kills itself with SIGKILL after that many steps.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from segnet_tf import models, plots
from segnet_tf.config import TrainConfig
from segnet_tf.training import callbacks
from segnet_tf.training.run_training import train

STEPS = 2  # an epoch: 5 images, batches of 2
EPOCHS = 3


def build(name, num_classes, input_shape=(None, None, 3), weights=None, **options):
    """Takes the place of `segnet_tf.models.build`; dropout and batch normalization included."""
    del name, weights, options
    image = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, padding="same", name="features")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.3)(keras.layers.ReLU()(x))
    return keras.Model(image, keras.layers.Conv2D(num_classes, 1, name="logits")(x))


def config(**changes) -> TrainConfig:
    values = {
        "data": "synthetic:5",
        "size": (32, 32),
        "batch_size": 2,
        "epochs": EPOCHS,
        "learning_rate": 0.01,
    }
    return TrainConfig(**(values | changes))


def record_of(num_classes: int, size: tuple[int, int]) -> dict:
    """The `config.json` of a run on images of `size`, as far as later steps read it."""
    return {
        "config": {"model": "tiny", "data": None, "train_split": "train", "val_split": "val"},
        "training_images": 1,
        "num_classes": num_classes,
        "classes": [{"name": f"n{i}", "colour": [20 * i, 0, 9]} for i in range(num_classes)],
        "class_weights": None,
        "image_sizes": {"smallest": list(size), "largest": list(size)},
    }


def saved_arrays(path, state=True) -> dict[str, np.ndarray]:
    """The arrays in a `.keras` file, read with h5py alone; without `state` the weights only."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and (state or not name.startswith("optimizer")):
            found[name] = item[()]

    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as file:
        with h5py.File(file) as weights:
            weights.visititems(visit)
    return found


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name]) for name in first
    )


def without_pictures(monkeypatch) -> None:
    """Reports with empty files for pictures, which take longer than the training here."""
    for name in ("curves", "confusion", "predictions"):
        monkeypatch.setattr(plots, name, lambda *arguments: Path(arguments[-1]).touch())


def break_after(steps, action):
    """A stand-in for `callbacks.SeedEpoch` that calls `action` after so many steps."""

    class SeedEpochThenBreak(callbacks.SeedEpoch):
        left = steps

        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            if self.left == 0:
                action()

    return SeedEpochThenBreak


if __name__ == "__main__":
    models.build = build
    callbacks.SeedEpoch = break_after(
        int(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL)
    )
    train(config(**json.loads(sys.argv[3])), sys.argv[1])
