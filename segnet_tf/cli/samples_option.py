"""The options `--mc-samples` and `--seed` of `evaluate` and `predict`."""

from __future__ import annotations

import argparse
import re

from segnet_tf.errors import UserError


def add_samples_options(group: argparse._ArgumentGroup) -> None:
    """Adds `--mc-samples` and `--seed`."""
    group.add_argument(
        "--mc-samples",
        type=_several,
        metavar="N",
        help="the mean of N samples with dropout alive, and where they are unsure; 40 is usual",
    )
    group.add_argument(
        "--seed", type=int, metavar="N", help="of the samples' dropout (0): the same, the same maps"
    )


def _several(text: str) -> int:
    """A whole number of at least 2: of one sample nothing can be said to be unsure."""
    if not re.fullmatch(r"\d+", text, re.ASCII) or int(text) < 2:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 2. Received: {text}")
    return int(text)


def check_samples(arguments: argparse.Namespace) -> None:
    """Raises UserError where the options do not fit together; before anything takes its time."""
    if arguments.mc_samples is None and arguments.seed is not None:
        raise UserError(
            f"`--seed` must come with --mc-samples. Received: --seed {arguments.seed} alone. "
            "Leave it out: one pass without samples is the same each time."
        )


def samples_of(arguments: argparse.Namespace) -> tuple[int | None, int]:
    """Number of samples, None for one pass, and the seed."""
    return arguments.mc_samples, arguments.seed or 0
