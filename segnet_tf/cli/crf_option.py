"""The option `--crf` of `evaluate` and `predict`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segnet_tf.inference.predictors import Predictor


def add_crf_option(group: argparse._ArgumentGroup) -> None:
    """Adds `--crf`; see `open_model`."""
    group.add_argument(
        "--crf",
        nargs="?",
        const="",
        metavar="FILE",
        help="refine by a fully connected CRF, with the parameters that tune-crf wrote "
        "(the run's, or the defaults)",
    )


def open_model(arguments: argparse.Namespace) -> Predictor:
    """The model of `--model`, with the CRF that `--crf` asks for.

    Raises:
        UserError: no such model or file, or a CRF that the model cannot have.
    """
    from segnet_tf.inference.crf_files import find_parameters
    from segnet_tf.inference.predictors import open_predictor

    if arguments.crf is None:
        return open_predictor(arguments.model)
    # The file first: it is read at once, a model in seconds.
    parameters, source = find_parameters(arguments.crf or None, arguments.model)
    predictor = open_predictor(arguments.model).with_crf(parameters)
    print(f"segnet-tf: CRF with {source}", file=sys.stderr, flush=True)
    return predictor
