"""`TF_CONFIG`, in which schedulers say who the workers of a training are."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from typing import NoReturn

from segnet_tf.errors import UserError

# Both train. TensorFlow knows others, such as parameter servers, which this training has not.
JOBS = ("chief", "worker")
_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a training, in TensorFlow's order: a job named chief comes first.

    Attributes:
        jobs: the job and the address `host:port` of each worker.
        index: which of them this process is. The first one is the chief.
    """

    jobs: tuple[tuple[str, str], ...]
    index: int

    @property
    def addresses(self) -> tuple[str, ...]:
        """`host:port` of each worker."""
        return tuple(address for _, address in self.jobs)

    @classmethod
    def from_environment(cls) -> Cluster:
        """The cluster that the variable `TF_CONFIG` describes; UserError if it is none."""
        return cls.from_text(os.environ.get("TF_CONFIG", ""))

    @classmethod
    def from_text(cls, text: str) -> Cluster:
        """The cluster that a text describes, in the form in which TensorFlow reads it.

        Args:
            text: JSON, `{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker",
                "index": 0}}`. A job "chief" of one address may come besides. Other keys of the
                outer object are ignored: schedulers add theirs.

        Raises:
            UserError: it has another form, or its task is none of the cluster.
        """
        if not text.strip():
            _refuse("none")
        try:
            content = json.loads(text)
        except ValueError as error:
            _refuse(f"no JSON: {error}")
        cluster, task = (
            content.get(name) if isinstance(content, dict) else None for name in ("cluster", "task")
        )
        if not isinstance(cluster, dict) or not isinstance(task, dict):
            _refuse(f"{text}, without an object `cluster` and an object `task`")
        jobs = _jobs(cluster)
        job, index = task.get("type"), task.get("index")
        if isinstance(index, str) and index.isdecimal():  # as some schedulers write it
            index = int(index)
        own = [number for number, (name, _) in enumerate(jobs) if name == job]
        if not own:
            _refuse(f"task type {job!r} in a cluster of {', '.join(cluster)}")
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(own):
            _refuse(f"task index {index!r} for {len(own)} of type {job}, which count from 0")
        return cls(jobs, own[index])


def _jobs(cluster: dict[str, object]) -> tuple[tuple[str, str], ...]:
    jobs = []
    for name, addresses in cluster.items():
        if name not in JOBS:
            _refuse(f"a job {name!r}; this training has {' and '.join(JOBS)} only")
        if not isinstance(addresses, list) or not addresses:
            _refuse(f"{name} is {addresses!r} and no list of addresses")
        for address in addresses:
            if not isinstance(address, str) or not re.fullmatch(r"\S+:\d{1,5}", address):
                _refuse(f"the address {address!r}, which is no host:port")
            jobs.append((name, address))
    chiefs = sum(name == "chief" for name, _ in jobs)
    if chiefs > 1 or not jobs:
        _refuse(f"{chiefs} chiefs and {len(jobs)} workers in all; one chief at most")
    twice = {address for _, address in jobs if [a for _, a in jobs].count(address) > 1}
    if twice:
        _refuse(f"{min(twice)} twice; each worker has an address of its own")
    return tuple(sorted(jobs, key=lambda job: JOBS.index(job[0])))  # stable


def _refuse(received: str) -> NoReturn:
    raise UserError(
        "`TF_CONFIG` must name the workers and which of them this process is. "
        f"Received: {received}. Write it on each worker as {_EXAMPLE}."
    )
