"""Looks for inputs that come further into one reader, by atheris, until one is not refused well.

    .venv/bin/pip install atheris==3.0.0
    .venv/bin/python -m tests.fuzz.coverage labels -max_total_time=60

Not a part of `make fuzz`: it looks at one reader at a time, and its wheels end at Python 3.13.
What follows the reader's name are libFuzzer's options, a folder of inputs among them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path

_MODULES = ["segnet_tf", "json", "tomllib", "pickle", "zipfile", "PIL", "flatbuffers"]


def main(arguments: list[str]) -> int:
    """Does not return but for bad arguments: libFuzzer ends the process."""
    try:
        import atheris
    except ImportError:
        print("atheris is missing: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=_MODULES):
        from tests.fuzz.readers import check
        from tests.fuzz.targets import TARGETS
    name, *options = arguments
    if name not in TARGETS:
        print(f"There are {', '.join(TARGETS)}.", file=sys.stderr)
        return 2
    seeds = Path(tempfile.mkdtemp(prefix="segnet_tf_fuzz_"))
    os.chdir(seeds)
    (seeds / "seeds").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Hypothesis wants `example` in a shell only
        strategy = TARGETS[name].inputs()
        for number in range(20):
            (seeds / "seeds" / str(number)).write_bytes(strategy.example())
    read = TARGETS[name].read

    def one(content: bytes) -> None:
        check(read, content)

    atheris.Setup(["fuzz", *options, "seeds"], one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
