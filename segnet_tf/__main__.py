"""`python -m segnet_tf` is `segnet-tf`."""

from __future__ import annotations

import sys

from segnet_tf.cli.main import main

sys.exit(main())
