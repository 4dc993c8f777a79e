"""`segnet-tf train` on a network of two stages, as one process of several.

`python worker_run.py JSON ARGUMENT...`: the arguments are those of the command. The JSON says what
is special: `weights`, a file for the final weights of this process; `signal` and `after`, what it
sends itself after so many steps; `join` and `silent`, time limits in seconds; `devices`, into how
many the CPU is divided.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from segnet_tf import models, plots
from segnet_tf.cli.main import main
from segnet_tf.data.scenes import synthetic
from segnet_tf.models import blocks
from segnet_tf.training import joining, run_training

drawn = synthetic.scene


def build(name, num_classes, input_shape=(None, None, 3), **options):
    """Takes the place of `segnet_tf.models.build`."""
    image = keras.Input(input_shape)
    x = blocks.encoder_decoder(blocks.normalize(image, "signed"), ((4,), (6,)), ((4,), (4,)))
    if options.get("dropout"):
        x = keras.layers.Dropout(options["dropout"])(x)
    return keras.Model(image, blocks.classifier(x, num_classes))


def half_void(index, *arguments, **options):
    """A scene of which every second one is void in most of its pixels: workers differ in that."""
    image, labels = drawn(index, *arguments, **options)
    if index % 2:
        labels = labels.copy()
        labels[:, 10:] = 255
    return image, labels


class AtSteps(keras.callbacks.Callback):
    """Sends a signal after so many steps, and keeps the weights at the end."""

    def __init__(self, special):
        super().__init__()
        self.special = special
        self.left = special.get("after", 0)

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.special["signal"])

    def on_train_end(self, logs=None):
        if "weights" in self.special:
            weights = {str(i): value for i, value in enumerate(self.model.get_weights())}
            np.savez(self.special["weights"], **weights)


if __name__ == "__main__":
    special = json.loads(sys.argv[1])
    if "devices" in special:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * special["devices"],
        )
    models.build = build
    synthetic.scene = half_void
    # A tracker gets the predictions.
    left_out = () if "--tensorboard" in sys.argv else ("predictions",)
    for name in ("curves", "confusion", *left_out):
        setattr(plots, name, lambda *arguments: Path(arguments[-1]).touch())
    joining.JOIN_SECONDS = special.get("join", joining.JOIN_SECONDS)
    joining.SILENT_SECONDS = special.get("silent", joining.SILENT_SECONDS)
    step_callbacks = run_training.step_callbacks
    run_training.step_callbacks = lambda *a: [*step_callbacks(*a), AtSteps(special)]
    began = time.monotonic()
    code = main(sys.argv[2:])
    print(f"took {time.monotonic() - began:.1f} s", flush=True)
    sys.exit(code)
