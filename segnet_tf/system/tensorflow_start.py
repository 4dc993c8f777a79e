"""Starts TensorFlow with fast kernels, and without the lines it logs at its start."""

from __future__ import annotations

import os
import platform
import sys
import tempfile


def start_tensorflow() -> None:
    """Imports TensorFlow and finds its devices; what it writes to stderr is shown only if it fails.

    It also turns on oneDNN's kernels, as TensorFlow itself does only on processors with AVX-512
    VNNI: with AVX2 they take half the time of a training step. Set TF_ENABLE_ONEDNN_OPTS=0 to have
    them off.

    An error of one line must be seen, but C++ writes about CPU features and missing GPU drivers
    before it reads any log level. So the file descriptor of stderr itself leads to a temporary
    file meanwhile.
    """
    is_worker = "TF_CONFIG" in os.environ
    # A lost worker is worth a line of ours, TensorFlow logs a dozen.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if is_worker else "2")
    if "tensorflow" in sys.modules:
        return
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            # A process of several has to join the others before it computes anything.
            if not is_worker:
                tf.zeros(1)
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
