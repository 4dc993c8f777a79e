"""How large files of others may be, so that a small one cannot take all memory or hours.

Each limit can be raised in the environment. `SECURITY.md` of the checkout lists them.
"""

from __future__ import annotations

import os

from segnet_tf.errors import UserError

MAX_PIXELS = "SEGNET_TF_MAX_PIXELS"
MAX_TEXT_BYTES = "SEGNET_TF_MAX_TEXT_BYTES"
# 10000 x 10000 pixels, which takes about 1 GB to read; and a JSON text takes 20 times its size.
_DEFAULTS = {MAX_PIXELS: 100_000_000, MAX_TEXT_BYTES: 16 * 2**20}


def limit(name: str) -> int:
    """The value of a limit, `MAX_PIXELS` of an image or `MAX_TEXT_BYTES` of a text file.

    Raises:
        UserError: the environment has something else than a number of at least 1 there.
    """
    given = os.environ.get(name)
    if given is None:
        return _DEFAULTS[name]
    if not (given.isascii() and given.isdigit() and len(given) < 19 and int(given) > 0):
        raise UserError(
            f"`{name}` must be a whole number of at least 1. Received: {given}. "
            f"Leave it out of the environment for {_DEFAULTS[name]}."
        )
    return int(given)
