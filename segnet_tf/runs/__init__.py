"""What a run folder holds, and models by the name a user gives them.

    model = segnet_tf.runs.load_model("runs/mine")
    record = segnet_tf.runs.read_record("runs/mine")  # its config.json: classes, data, sizes
    segnet_tf.runs.pack("runs/mine", "mine.keras")  # half the size, to hand on

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segnet_tf.system.lazy import lazy_names

if TYPE_CHECKING:
    from segnet_tf.runs.checkpoints import load_model, read_record
    from segnet_tf.runs.packing import pack
    from segnet_tf.runs.records import RunRecord

__all__ = ["RunRecord", "load_model", "pack", "read_record"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "RunRecord": "segnet_tf.runs.records",
            "load_model": "segnet_tf.runs.checkpoints",
            "pack": "segnet_tf.runs.packing",
            "read_record": "segnet_tf.runs.checkpoints",
        },
    )
