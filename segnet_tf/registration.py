"""Registers with Keras every class that a saved file may hold: importing this is enough.

Keras finds a class of ours by its registered name, so its module must have been imported before
a file is loaded.
"""

from __future__ import annotations

from segnet_tf import layers, losses, metrics, schedules  # noqa: F401
