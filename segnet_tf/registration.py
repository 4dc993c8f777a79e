"""Registers with Keras every class that a saved file may hold: importing this is enough.

Keras finds a class of ours by its registered name, so its module must have been imported before
a file is loaded. `import segnet_tf` sees to it as soon as Keras is imported too.
"""

from __future__ import annotations

import segnet_tf.layers
import segnet_tf.losses
import segnet_tf.metrics
import segnet_tf.models.deep_supervision
import segnet_tf.optimizers
import segnet_tf.schedules  # noqa: F401
