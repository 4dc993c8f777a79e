"""`segnet-tf export`, in a checkout: python export/tflite.py --int8 [--model M] [--data DIR]"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # This folder is first on the path, where this file would hide an installed module `tflite`.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    from segnet_tf.cli.main import main

    sys.exit(main(["export", *sys.argv[1:]]))
