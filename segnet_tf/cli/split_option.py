"""The images of a command that has `--model`, `--data` and `--split`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Literal

from segnet_tf.errors import UserError

if TYPE_CHECKING:
    from segnet_tf.data import Samples
    from segnet_tf.inference.image_scale import Asked
    from segnet_tf.inference.predictors import Predictor


def open_images(
    arguments: argparse.Namespace,
    predictor: Predictor,
    use: Literal["train", "val"],
    *,
    split: str | None = None,
    limit: int | None = None,
    size: Asked = None,
) -> Samples:
    """Opens a split as the model's run reads it; synthetic scenes at the size the model sees.

    Args:
        arguments: with `data` and the reading options.
        predictor: of the model.
        use: what the images are for.
        split: its name; None for what the run calls it.
        limit: the first so many images only; None for all.
        size: as `ImageScale.seen` takes it.

    Raises:
        UserError: no such data or split.
    """
    from segnet_tf.inference.image_scale import scene_size
    from segnet_tf.runs.splits import reading_of, run_split

    data = arguments.data
    is_synthetic = (data or "").startswith("synthetic")
    return run_split(
        predictor.record,
        use,
        data,
        limit,
        split=split,
        size=scene_size(predictor.scale, size) if is_synthetic else None,
        **reading_of(vars(arguments)),
    )


def require_data(arguments: argparse.Namespace, predictor: Predictor, what: str) -> None:
    """Raises UserError unless `--data` or the model's run says where `what` are."""
    record = predictor.record
    if arguments.data is None and (record is None or record["config"].get("data") is None):
        raise UserError(
            f"`data` must be {what}. Received: none, and {arguments.model} does not know them. "
            "Pass --data DIR."
        )
