"""Kills and starves the commands at random moments, and counts the promises that they break.

    make chaos
    make chaos CHAOS_OPTIONS='--kills 10 --jobs train --seed 3'

Every file is whole or not there, files of others are not touched, and the same command again, or
`--resume`, ends with what it writes undisturbed: weights, optimizer, bytes.
"""

from __future__ import annotations

import argparse
import collections
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import faults
from tests.chaos.children import Child
from tests.chaos.jobs import jobs, make_model, make_sources, prepare

# One that came too late is tried again, so often at most.
_TRIES = 3
FAULTS = {
    "kill -9": (faults.kill, "kills"),
    "SIGTERM": (faults.terminate, "terms"),
    "disk full": (faults.fill_disk, "full"),
    "disk error": (faults.fail_flush, "errors"),
    "read-only": (faults.read_only, "others"),
    "two writers": (faults.two_writers, "others"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 1 if a promise was broken."""
    names = tuple(jobs(Path()))
    parser = argparse.ArgumentParser("chaos", description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--kills", type=int, default=50, metavar="N", help="of each command (50)")
    add("--terms", type=int, default=20, metavar="N", help="SIGTERMs of each (20)")
    add("--full", type=int, default=20, metavar="N", help="full disks of each (20)")
    add("--errors", type=int, default=20, metavar="N", help="errors of a disk of each (20)")
    add("--others", type=int, default=5, metavar="N", help="of the other faults (5)")
    add("--jobs", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    add("--seed", type=int, metavar="N", help="of what is random (the clock)")
    add("--keep", metavar="DIR", help="where files of failures are kept (a temporary folder)")
    arguments = parser.parse_args(argv)
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="segnet_tf_chaos_", dir=arguments.keep))
    failures = _run(arguments, root, seed)
    if failures:
        print(f"{failures} failures; files and output are in {root}", flush=True)
        return 1
    shutil.rmtree(root)
    print("0 failures", flush=True)
    return 0


def _run(arguments: argparse.Namespace, root: Path, seed: int) -> int:
    chosen = {name: job for name, job in jobs(root).items() if name in arguments.jobs}
    for kind in (faults.OLD, faults.NEW):
        make_sources(root, kind)

        def make(kind: int = kind) -> int:
            prepare(root)
            return make_model(root, kind)

        if any(job.model for job in chosen.values()):
            end = Child(make, root, root / "model.txt").wait()
            if end.code:
                print(end.said)
                raise SystemExit("the models were not trained")
    failures = 0
    for name, job in chosen.items():
        trial = faults.Trial(job, root, random.Random(f"{seed} {name}"))
        for fault, (do, option) in FAULTS.items():
            began, counts = time.monotonic(), collections.Counter()
            wanted = getattr(arguments, option)
            for number in range(_TRIES * wanted):
                if counts.total() - counts[faults.LATE] == wanted:
                    break
                folder = root / f"{name}-{fault.replace(' ', '')}-{number}" / "out"
                folder.parent.mkdir()
                try:
                    counts[do(trial, folder, with_old=number % 2 == 1)] += 1
                except faults.Failed as failure:
                    counts["FAILED"] += 1
                    print(f"{name}, {fault}, {folder.parent}: {failure}", flush=True)
                else:
                    shutil.rmtree(folder.parent)
            failures += counts["FAILED"]
            said = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
            seconds = time.monotonic() - began
            print(f"{name:15} {fault:12} {said or 'none'} ({seconds:.0f} s)", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(main())
