"""What a run is about to do, said before its first step: a mistake costs a look, not hours."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import keras

from segnet_tf.config import TrainConfig
from segnet_tf.data.layouts import find_layout
from segnet_tf.data.pipeline import steps_per_epoch
from segnet_tf.data.shards.places import is_sharded
from segnet_tf.runs.records import Bounds
from segnet_tf.runs.splits import seen_in_training
from segnet_tf.system.processor import usable_cores
from segnet_tf.system.progress import WIDTH
from segnet_tf.training.preparation import Data
from segnet_tf.training.survey import Survey

_INDENT = 11
_KEPT = "\N{NO-BREAK SPACE}"


def print_overview(
    config: TrainConfig,
    data: Data,
    model: keras.Model,
    folder: Path,
    survey: Survey | None,
    devices: str | None = None,
) -> None:
    """Prints a line for each fact of a run to standard output, and warnings to standard error.

    Args:
        config: of the run, resolved.
        data: its splits.
        model: what is trained.
        folder: the run folder.
        survey: what the pass over the training images found; None for a resumed run, which makes
            no such pass.
        devices: what trains, where that is more than this process, or was asked for.
    """
    sizes = "" if survey is None else f" of {_sizes(survey.image_sizes)} (width x height)"
    crop = "whole images"
    if config.crop is not None:
        crop = f"crops of {config.crop[1]}x{config.crop[0]} (width x height)"
    every = "epoch" if config.val_every == 1 else f"{config.val_every} epochs"
    steps = steps_per_epoch(data.train, config.batch_size)
    rows = [
        ("data", config.data),
        *_layout(config),
        ("train", f"{config.train_split}, {len(data.train)} pairs{sizes}"),
        ("val", f"{config.val_split}, {len(data.val)} pairs"),
        *_start(data, survey),
        ("classes", _classes(data, survey)),
        ("model", f"{config.model}, {model.count_params():,} parameters"),
        *([] if config.teacher is None else [("teacher", config.teacher)]),
        ("images", f"{crop}, {config.batch_size} a step"),
        *([] if devices is None else [("devices", devices)]),
        ("steps", f"{config.epochs} epochs of {steps} steps, validated every {every}"),
        *([] if config.cache == "auto" else [("cache", config.cache)]),
        ("precision", f"{config.mixed_precision}, {usable_cores()} threads"),
        ("folder", str(folder)),
    ]
    for name, text in rows:
        lines = [text]
        if name not in ("data", "teacher", "folder"):  # a path must stay whole, to be copied
            lines = textwrap.wrap(text, WIDTH - _INDENT, break_on_hyphens=False)
            lines = [line.replace(_KEPT, " ") for line in lines]
        print(f"{name:<{_INDENT}}" + f"\n{'':{_INDENT}}".join(lines))
    sys.stdout.flush()
    seen = seen_in_training(data.train, data.val)
    warnings = (*(() if survey is None else survey.census.warnings), *([seen] if seen else ()))
    for warning in warnings:
        print(f"segnet-tf: {warning}", file=sys.stderr, flush=True)


def _layout(config: TrainConfig) -> list[tuple[str, str]]:
    if config.data.startswith("synthetic"):
        return []
    if is_sharded(config.data):
        return [("layout", "shards")]
    layout = find_layout(Path(config.data), config.layout)
    return [("layout", f"{layout.name}: {layout.tree}")]


def _start(data: Data, survey: Survey | None) -> list[tuple[str, str]]:
    """Says what was looked at where not all images were."""
    if survey is None or survey.census.of is None:
        return []
    text = (
        f"{survey.census.images} of {survey.census.of} images, evenly spread, were read for sizes "
        "and classes; a damaged one among the others stops the run when it is met (check-data "
        "reads all)"
    )
    return [("read", text)]


def _sizes(bounds: Bounds) -> str:
    return " to ".join(dict.fromkeys(f"{width}x{height}" for height, width in bounds))


def _classes(data: Data, survey: Survey | None) -> str:
    names = data.train.classes.names
    if survey is None:
        return f"{len(names)}: {', '.join(names)}"
    shares = (
        f"{name} {100 * share:.1f} %".replace(" ", _KEPT)
        for name, share in zip(names, survey.census.shares, strict=True)
    )
    return f"{len(names)}: {', '.join(shares)}; void {100 * survey.census.void_share:.1f} %"
