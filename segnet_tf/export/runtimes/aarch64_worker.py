"""The emulated half of `aarch64`: runs a file on XNNPACK. It has LiteRT and NumPy only.

python -m segnet_tf.export.runtimes.aarch64_worker FILE INPUTS.npz OUTPUTS.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes.cpu import Cpu


def main(arguments: list[str]) -> int:
    """A file and images in, every output into a file; 2 and a line for a file it refuses."""
    model, inputs, outputs = (Path(argument) for argument in arguments)
    with np.load(inputs) as arrays:
        images = [arrays[name] for name in arrays.files]
    try:
        result = Cpu("xnnpack", has_delegate=True).run(model.read_bytes(), images)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    values = [value for image in result.outputs for value in image]
    np.savez(outputs, *values, delegated=np.int64(result.delegated or 0))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
