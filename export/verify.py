"""`segnet-tf verify`, in a checkout: python export/verify.py --tflite F --model M --data DIR"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # This folder is first on the path, where tflite.py would hide an installed module of that name.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    from segnet_tf.cli.main import main

    sys.exit(main(["verify", *sys.argv[1:]]))
