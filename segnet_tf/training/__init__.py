"""From a configuration to a run folder.

    config = segnet_tf.training.TrainConfig(data="path/to/camvid", model="segnet_lite", epochs=80)
    scores = segnet_tf.training.train(config, "runs/mine")
    scores = segnet_tf.training.resume("runs/mine")

`train` writes a run folder and returns the scores of its best weights; `resume` goes on with a run
that was cut off. `recompute_batch_statistics(model, samples)` sets the mean and variance of every
batch normalization to those of the training images; `fit_temperature(model, samples)` finds the
number by which the logits are to be divided. Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segnet_tf.system.lazy import lazy_names

if TYPE_CHECKING:
    from segnet_tf.config import TrainConfig
    from segnet_tf.training.batch_statistics import recompute_batch_statistics
    from segnet_tf.training.run_training import resume, train
    from segnet_tf.training.temperature import fit_temperature

__all__ = ["TrainConfig", "fit_temperature", "recompute_batch_statistics", "resume", "train"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "TrainConfig": "segnet_tf.config",
            "fit_temperature": "segnet_tf.training.temperature",
            "recompute_batch_statistics": "segnet_tf.training.batch_statistics",
            "resume": "segnet_tf.training.run_training",
            "train": "segnet_tf.training.run_training",
        },
    )
