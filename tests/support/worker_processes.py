"""Processes of `worker_run`, alone or as the two workers of a cluster on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

SCRIPT = Path(__file__).with_name("worker_run.py")
LIMIT = 560  # seconds: a busy machine starts processes slowly


class Ended(NamedTuple):
    """What a process leaves."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """The program's own lines of stderr; TensorFlow and Python write others."""
        return [line for line in self.err.splitlines() if line.startswith("segnet-tf: `")]


def start(arguments, special=None, cluster=None, index=0) -> subprocess.Popen:
    """A process, which is one of a cluster if its addresses are given; see `worker_run`."""
    path = os.pathsep.join([str(SCRIPT.parents[2]), str(SCRIPT.parent)])
    env = {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}
    if cluster:
        task = {"type": "worker", "index": index}
        env["TF_CONFIG"] = json.dumps({"cluster": {"worker": cluster}, "task": task})
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), json.dumps(special or {}), *map(str, arguments)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def cluster_of_two() -> list[str]:
    """Two addresses with free ports."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def pair(arguments, special=({}, {}), others=None) -> list[subprocess.Popen]:
    """The chief and the other worker, which may have arguments of its own."""
    cluster = cluster_of_two()
    given = (arguments, others or arguments)
    return [start(given[index], special[index], cluster, index) for index in (0, 1)]


def end(processes) -> list[Ended]:
    """Waits for all of them, at most `LIMIT` seconds; one that hangs is killed and fails."""

    def wait(process):
        try:
            out, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"still running: {out[-2000:]} {err[-2000:]}") from None
        return Ended(process.returncode, out, err)

    with ThreadPoolExecutor(len(processes)) as pool:
        return list(pool.map(wait, processes))


def weights(path) -> list[np.ndarray]:
    """What `worker_run` kept of a model."""
    with np.load(path) as file:
        return [file[str(number)] for number in range(len(file.files))]


def furthest(first, second) -> float:
    """The largest difference between two lists of arrays."""
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))
