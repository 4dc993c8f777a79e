"""The second output of a file that says how unsure it is, and what the file says of that output.

Imports no more than the standard library does: the options of a command line use it.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from segnet_tf.errors import UserError
from segnet_tf.system.text_files import parse_json

# The entry of the file's metadata, as JSON, and the name of the output.
ENTRY = "SEGNET_TF_UNCERTAINTY"
OUTPUT = "uncertainty"
MEASURE = "predictive_entropy"
# Each sample is a copy of the ops behind the first dropout. At 64 the converter takes minutes.
LARGEST_SAMPLES = 64


@dataclass(frozen=True)
class Uncertainty:
    """What the uncertainty of a pixel is computed from.

    It is the predictive entropy, `-sum(p * ln(p))` over the classes, in nats.

    Attributes:
        samples: how many passes `p` is the mean of, each with dropout masks of its own; 1 for one
            pass without dropout.
        seed: of the masks, see `segnet_tf.export.conversion.sampling`.
    """

    samples: int = 1
    seed: int = 0

    def to_bytes(self) -> bytes:
        """The entry in the file's metadata."""
        return json.dumps({"measure": MEASURE, **dataclasses.asdict(self)}).encode()


def from_bytes(data: bytes, name: str) -> Uncertainty:
    """Reads the entry of a file.

    Args:
        data: of the entry.
        name: of the file, for the message.

    Raises:
        UserError: it is damaged.
    """
    try:
        said = parse_json(data)
        found = Uncertainty(said["samples"], said["seed"])
        numbers = (found.samples, found.seed)
        if said["measure"] != MEASURE or any(type(number) is not int for number in numbers):
            raise ValueError("another measure, or numbers that are none")
        if not 1 <= found.samples <= LARGEST_SAMPLES or found.seed < 0:
            raise ValueError("numbers out of their range")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"`tflite` must say how its uncertainty is made, in the entry {ENTRY}. "
            f"Received: {name}, where that cannot be read ({error}). Export it again."
        ) from error
    return found
