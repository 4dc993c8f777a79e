"""Several processes or devices train one run, and end with the weights of one process."""

from __future__ import annotations

import importlib.util
import signal

import numpy as np
import pytest
import tiny_run
from worker_processes import cluster_of_two, end, furthest, pair, start, weights

# Two or three processes a test, and those of `root` in the first: a busy machine takes long.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

# Three steps an epoch; one image is left out, another one each time. Three images of validation.
DATA = ["train", "--data", "synthetic:13", "--size", "32x48", "--batch-size", "4", "--epochs", "3"]
# What a wrong division would change: Dice, clipping, EMA, L2, a teacher; worker_run makes void
# uneven. SGD, because AdamW divides rounding errors in small gradients by those gradients.
RUN = [*DATA, "--optimizer", "sgd", "--decay", "l2", "--weight-decay", "0.01", "--ema", "0.7",
    "--loss", "crossentropy+dice", "--clip-norm", "0.3", "--learning-rate", "0.1",
    "--warmup", "1", "--teacher", "weights:segnet_nano_camvid"]  # fmt: skip
TWO = ["--distribute", "multi-worker"]
# Its package is an extra.
TRACKED = ["--tensorboard"] if importlib.util.find_spec("tensorboard") else []


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The folder of a run of one process, `one`, and the same of two, `two`, with their weights."""
    root = tmp_path_factory.mktemp("workers")
    kept = {name: {"weights": str(root / f"{name}.npz")} for name in ("one", "chief", "other")}
    processes = [start([*RUN, "--output", root / "one"], kept["one"])]
    two = [*RUN, *TWO, *TRACKED, "--output", root / "two"]
    processes += pair(two, (kept["chief"], kept["other"]))
    ended = end(processes)
    assert [process.code for process in ended] == [0, 0, 0], [p.err[-2000:] for p in ended]
    assert "2 replicas on 2 workers" in ended[1].out
    assert "epoch" not in ended[2].out
    return root


def log_of(run):
    """The names and numbers of log.csv, without the seconds."""
    rows = [line.split(",") for line in (run / "log.csv").read_text().splitlines()]
    return rows[0][:-1], np.array([row[:-1] for row in rows[1:]], float)


def assert_same_run(found, expected, tolerance):
    for name in ("last.keras", "best.keras"):
        ours, theirs = (tiny_run.saved_arrays(run / name) for run in (found, expected))
        assert ours.keys() == theirs.keys()
        assert furthest(ours.values(), theirs.values()) <= tolerance, name
    names, numbers = log_of(found)
    assert names == log_of(expected)[0]
    np.testing.assert_allclose(numbers, log_of(expected)[1], rtol=0.01, atol=2e-3)


@pytest.mark.skipif(not TRACKED, reason="needs the extra `tensorboard`")
def test_the_chief_alone_sends_to_a_tracker(root):
    events = [path.parent.name for path in (root / "two" / "tensorboard").glob("*/events*")]
    # Numbers of training and validation, and the pictures.
    assert sorted(events) == ["train", "validation", "validation"]


def test_two_workers_end_with_the_weights_of_one(root):
    one, chief, other = (weights(root / f"{name}.npz") for name in ("one", "chief", "other"))
    assert furthest(chief, other) == 0
    assert furthest(one, chief) < 1e-4
    assert_same_run(root / "two", root / "one", 1e-4)
    # The chief writes what one process writes, the other worker nothing.
    files = [sorted(file.name for file in (root / run).iterdir()) for run in ("one", "two")]
    assert files[1] == sorted([*files[0], *(["tensorboard"] if TRACKED else [])])


def test_a_worker_is_killed_and_all_go_on(root, tmp_path):
    run = tmp_path / "run"
    killed = {"after": 5, "signal": int(signal.SIGKILL)}  # in the second epoch
    chief, other = end(pair([*RUN, *TWO, "--output", run], ({}, killed)))
    assert other.code == -signal.SIGKILL
    assert chief.code == 2
    assert len(chief.said) == 1 and "one that has stopped" in chief.said[0]
    for ended in end(pair(["train", "--resume", run])):
        assert ended.code == 0, ended.err[-2000:]
    assert_same_run(run, root / "two", 0)


def test_a_run_of_two_goes_on_in_one(root, tmp_path):
    run = tmp_path / "run"
    killed = {"after": 5, "signal": int(signal.SIGKILL)}
    chief, other = end(pair([*RUN, *TWO, "--output", run], (killed, {})))
    assert (chief.code, other.code) == (-signal.SIGKILL, 2)
    assert len(other.said) == 1
    (ended,) = end([start(["train", "--resume", run, "--distribute", "none"])])
    assert ended.code == 0, ended.err[-2000:]
    assert_same_run(run, root / "one", 1e-4)


def test_a_silent_worker_is_not_waited_for(tmp_path):
    silent = {"after": 2, "signal": int(signal.SIGSTOP), "silent": 10}
    chief, other = pair([*RUN, *TWO, "--output", tmp_path / "run"], ({"silent": 10}, silent))
    try:
        (ended,) = end([chief])
    finally:
        other.kill()
        other.communicate()
    assert ended.code == 2
    assert len(ended.said) == 1 and "one that has stopped" in ended.said[0]


@pytest.mark.parametrize("index", [0, 1])
def test_who_never_comes_is_named(index, tmp_path):
    cluster = cluster_of_two()
    arguments = [*RUN, *TWO, "--output", tmp_path / "run"]
    (ended,) = end([start(arguments, {"join": 3}, cluster, index)])
    assert ended.code == 2
    assert len(ended.said) == 1 and cluster[1 - index] in ended.said[0]
    assert not (tmp_path / "run").exists()


def test_different_configurations(tmp_path):
    arguments = [*RUN, *TWO, "--output", tmp_path / "run"]
    for ended in end(pair(arguments, others=[*arguments, "--seed", "1"])):
        assert ended.code == 2
        assert ended.said == [
            "segnet-tf: `seed` must be the same on all workers. Received: 1 on worker 1, 0 on "
            "worker 0. Start all of them alike, from the same data."
        ]
    assert not (tmp_path / "run").exists()


def test_what_one_worker_refuses_all_refuse(tmp_path):
    (tmp_path / "kept").touch()
    chief, other = end(pair([*RUN, *TWO, "--output", tmp_path]))
    assert (chief.code, other.code) == (2, 2)
    assert "must be a new or empty folder" in chief.said[0]
    assert "worker 0 of 2: `output` must be a new or empty folder" in other.err


def test_two_devices_of_one_machine(root, tmp_path):
    mirrored = ["--distribute", "mirrored", "--output"]
    first = start([*RUN, *mirrored, tmp_path / "run"], {"devices": 2})
    # What has no equal on one device: each device's own dropout, statistics and loss scale.
    other = [*DATA, "--mixed-precision", "float16", "--batch-norm", "local",
        "--model-option", "dropout=0.3"]  # fmt: skip
    second = start([*other, *mirrored, tmp_path / "other"], {"devices": 2})
    alone = start([*RUN, *mirrored, tmp_path / "alone"])
    for ended in end([first, second, alone]):
        assert ended.code == 0, ended.err[-2000:]
    assert "1 replica: mirrored found one device" in ended.out
    assert_same_run(tmp_path / "run", root / "one", 1e-4)
    assert_same_run(tmp_path / "alone", root / "one", 0)


def test_adamw_on_two_devices_differs_only_where_a_gradient_is_rounding(tmp_path):
    """AdamW divides a gradient by its size, and so makes a whole step of a rounding error.

    A bias before a batch normalization changes nothing, so its gradient is a rounding error. The
    moving mean behind it follows the bias.
    """
    mirrored = ["--distribute", "mirrored"]
    runs = [tmp_path / "one", tmp_path / "two"]
    ended = end(
        [
            start([*DATA, "--output", runs[0]]),
            start([*DATA, *mirrored, "--output", runs[1]], {"devices": 2}),
        ]
    )
    assert [process.code for process in ended] == [0, 0], [p.err[-2000:] for p in ended]
    one, two = (tiny_run.saved_arrays(run / "last.keras") for run in runs)
    # Four convolutions are normalized; the fifth gives the logits.
    idle = {f"layers/conv2d{n}/vars/1" for n in ("", "_1", "_2", "_3")}
    idle |= {f"layers/fused_batch_normalization{n}/vars/2" for n in ("", "_1", "_2", "_3")}
    names = {name for name in one if name.startswith("layers/")}
    assert idle < names and "layers/conv2d_4/vars/1" in names
    others = sorted(names - idle)
    assert furthest([one[n] for n in others], [two[n] for n in others]) < 1e-5
    steps, rate = 9, 1e-3
    furthest_idle = furthest([one[n] for n in idle], [two[n] for n in idle])
    assert 1e-5 < furthest_idle < 2 * steps * rate
