"""`python -m segnet_tf` is `segnet-tf`."""

import sys

from segnet_tf.cli.main import main

sys.exit(main())
