"""Feeds every reader of files of others with damaged ones, and counts what it does not refuse well.

    make fuzz
    make fuzz FUZZ_OPTIONS='--inputs 20000 --targets pth tflite --seed 3'

Each reader runs in a process of its own, with bounds on memory and on the time of an input: see
`tests/fuzz/worker.py`. Exit code 1 if one of them raised anything but a UserError, took longer or
more, or died.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
# To start and import, and for each input on a busy machine.
_SECONDS, _SECONDS_EACH = 120, 0.3


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 1 if there was a failure."""
    parser = argparse.ArgumentParser("fuzz", description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--inputs", type=int, default=110_000, metavar="N", help="of all readers (110000)")
    add("--targets", nargs="+", choices=TARGETS, default=list(TARGETS), metavar="NAME",
        help=", ".join(TARGETS))  # fmt: skip
    add("--seed", type=int, metavar="N", help="of what is random (the clock)")
    add("--keep", type=Path, default=Path("runs/fuzz"), metavar="DIR", help="of inputs that fail")
    arguments = parser.parse_args(argv)
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    shares = sum(TARGETS[name].share for name in arguments.targets)
    print(f"seed {seed}\n{'reader':16}{'inputs':>8}{'taken':>8}{'refused':>9}{'s':>7}{'MB':>7}")
    total = failures = 0
    for name in arguments.targets:
        count = -(-arguments.inputs * TARGETS[name].share // shares)
        found = _fed(name, count, seed)
        total += found["inputs"]
        failures += len(found["failures"])
        refused = found["inputs"] - found["taken"] - len(found["failures"])
        print(
            f"{name:16}{found['inputs']:8}{found['taken']:8}{refused:9}"
            f"{found['seconds']:7.0f}{found['megabytes']:7}",
            flush=True,
        )
        for kind, content in found["failures"].items():
            print(f"  {kind}\n  {_kept(arguments.keep, name, content)}", flush=True)
    print(f"{total} inputs, {failures} kinds of failures")
    return 1 if failures else 0


def _fed(name: str, count: int, seed: int) -> dict[str, Any]:
    """What the worker said; if it died, that and the input that it died of."""
    with tempfile.TemporaryDirectory(prefix="segnet_tf_fuzz_") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tests.fuzz.worker", name, str(count), str(seed), folder],
                cwd=ROOT,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS + count * _SECONDS_EACH,
                check=False,
            )
            if done.returncode == 0:
                return json.loads(done.stdout.splitlines()[-1])
            end = f"code {done.returncode}: {(done.stderr.splitlines() or [''])[-1][:200]}"
        except subprocess.TimeoutExpired:
            end = "it did not end in time"
        last = Path(folder, "input")
        content = base64.b64encode(last.read_bytes() if last.is_file() else b"").decode()
    died = {f"the process died, {end}": content}
    return {"inputs": 0, "taken": 0, "failures": died, "seconds": 0.0, "megabytes": 0}


def _kept(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    data = base64.b64decode(content)
    number = len(list(folder.glob(f"{name}-*")))
    path = folder / f"{name}-{number}"
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    sys.exit(main())
