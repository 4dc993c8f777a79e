"""How a run comes to its devices: the GPUs of a machine, or the workers that `TF_CONFIG` names."""

from __future__ import annotations

import functools
import socket
import time
from collections import Counter

import tensorflow as tf

# TensorFlow has no public name for the limits of its coordination service.
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context

from segnet_tf.config import TrainConfig
from segnet_tf.data.order import Share
from segnet_tf.errors import UserError
from segnet_tf.training.distribution import Workers, first_line
from segnet_tf.training.tf_config import Cluster

# How long a worker waits for the others at the start: a scheduler may still be pulling images.
JOIN_SECONDS = 600
# After how long without a sign of life a worker counts as lost.
SILENT_SECONDS = 60


def join(config: TrainConfig) -> Workers:
    """Finds the devices of a run, and with multi-worker waits for the other workers.

    Raises:
        UserError: `TF_CONFIG` is missing or wrong, the others do not come, or TensorFlow has
            already computed something in this process.
    """
    if config.distribute == "none":
        return Workers(tf.distribute.get_strategy(), Share())
    worker, workers = 0, 1
    if config.distribute == "multi-worker":
        cluster = Cluster.from_environment()
        worker, workers = cluster.index, len(cluster.jobs)
        strategy = _joined(cluster)
    else:
        kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        # One device needs no copies of the weights.
        is_one = len(devices) == 1
        strategy = tf.distribute.get_strategy() if is_one else _mirrored(tuple(devices))
    replicas = strategy.num_replicas_in_sync
    found = f"{replicas} replicas on {workers} {'workers' if workers > 1 else 'worker'}"
    if replicas == 1:
        found = f"1 replica: {config.distribute} found one device"
    return Workers(strategy, Share(worker, workers, replicas), found)


# Once a process: TensorFlow numbers the exchanges of each strategy from 1 again, and finds those of
# an earlier one under the same numbers.
@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(devices)


@functools.cache
def _joined(cluster: Cluster) -> tf.distribute.Strategy:
    """Waits for the other workers of a cluster."""
    if cluster.index == 0:
        _wait_for(cluster)
    job, _ = cluster.jobs[0]
    counts = Counter(name for name, _ in cluster.jobs)
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{job}/replica:0/task:0",
        cluster_register_timeout_in_ms=1000 * JOIN_SECONDS,
        heartbeat_timeout_in_ms=1000 * SILENT_SECONDS,
        shutdown_barrier_timeout_in_ms=0,
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name=name, num_tasks=count)
            for name, count in counts.items()
        ],
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UserError(
            "`distribute` multi-worker must come before TensorFlow computes anything. Received: "
            f"a process that already did ({error}). Train in a new process."
        ) from error
    except tf.errors.OpError as error:
        raise UserError(
            f"`TF_CONFIG` must name workers that start within {JOIN_SECONDS} seconds of each "
            f"other. Received: a chief, {cluster.addresses[0]}, that does not answer "
            f"({first_line(error)}). Start one worker on each address."
        ) from error


def _wait_for(cluster: Cluster) -> None:
    """Waits until each worker's port is open. TensorFlow's chief would wait without an end.

    The others may go ahead: they ask the chief again and again until the same limit.
    """
    until = time.monotonic() + JOIN_SECONDS
    for number, address in enumerate(cluster.addresses[1:], start=1):
        host, _, port = address.rpartition(":")
        while True:
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
                break
            except OSError as error:
                if time.monotonic() < until:
                    time.sleep(0.2)
                    continue
                raise UserError(
                    f"`TF_CONFIG` must name workers that start within {JOIN_SECONDS} seconds of "
                    f"each other. Received: worker {number}, {address}, which does not answer "
                    f"({error.strerror or error}). Start one worker on each address."
                ) from error
