"""Starts TensorFlow without its greetings, which would drown a one-line error."""

from __future__ import annotations

import os
import sys
import tempfile


def start_tensorflow() -> None:
    """Imports TensorFlow and finds its devices; what goes to stderr is shown on failure only.

    Messages about CPU features and missing GPU drivers come from C++ before any log level
    is read, so the file descriptor itself is turned aside.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            tf.zeros(1)
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
