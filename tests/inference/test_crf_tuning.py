"""The CRF's parameters found on a split, interrupted and gone on with."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from segnet_tf.data import VOID, Classes, Samples
from segnet_tf.errors import UserError
from segnet_tf.inference import crf_search, crf_tuning
from segnet_tf.inference.crf import CRFParameters
from segnet_tf.inference.crf_tuning import tune_crf
from segnet_tf.inference.uncertainty import Distribution

pytest.importorskip("pydensecrf.densecrf", reason="needs pip install pydensecrf2")

CLASSES = Classes(("dark", "bright"), ((0, 0, 0), (255, 255, 255)))
SIZE = (20, 24)
COUNT = 4


def truth(index):
    labels = np.zeros(SIZE, np.uint8)
    labels[:, 8 + 2 * index :] = 1
    labels[0] = VOID
    return labels


def read(index):
    """An image whose two halves are the classes."""
    image = np.where(truth(index) == 1, 200, 50).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=-1), truth(index)


SAMPLES = Samples("hand", "val", CLASSES, tuple("abcd"), read)


class Speckled:
    """A network that is unsure at a fifth of the pixels, and wrong there; it counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, images):
        self.calls += 1
        rng = np.random.default_rng(int(images[0, 1, :, 0].sum()))
        bright = np.where(images[..., 0] > 100, 0.9, 0.1)
        bright = np.where(rng.random(bright.shape) < 0.2, 0.55 - 0.1 * (bright > 0.5), bright)
        probabilities = np.stack([1 - bright, bright], -1).astype(np.float32)
        return Distribution(probabilities.argmax(-1).astype(np.int32), probabilities, {})


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(crf_search, "MOST_STEPS", 4)
    grid = {"bilateral_weight": (0.1, 4.0), "bilateral_color": (1.0, 10.0)}
    monkeypatch.setattr(crf_search, "GRID", grid)
    monkeypatch.setattr(crf_search, "GRID_IMAGES", 2)


START = CRFParameters(0.1, 1, 0.1, 20, 2, iterations=2)


def tune(output, network=None, **more):
    options = {"identity": {"model": "m"}, "start": START} | more
    return tune_crf(network or Speckled(), SAMPLES, output, **options)


def iou_by_hand(network):
    """Of what the network says alone, by sets of pixels."""
    shared, together = np.zeros(2), np.zeros(2)
    for index in range(COUNT):
        image, labels = read(index)
        found = network(image[None].astype(np.float32)).labels[0]
        for one in (0, 1):
            there, said = labels == one, (found == one) & (labels != VOID)
            shared[one] += (there & said).sum()
            together[one] += (there | said).sum()
    return (shared / together).mean()


def test_the_best_parameters_are_found_and_written(tmp_path):
    seen = []
    network = Speckled()
    found = tune(tmp_path / "crf.json", network, progress=lambda *each: seen.append(each))
    assert network.calls == COUNT
    assert found.before["mean_iou"] == pytest.approx(iou_by_hand(Speckled()))
    assert found.before["milliseconds"] == 0 < found.after["milliseconds"]
    assert found.before["mean_iou"] < 0.8 and found.after["mean_iou"] > 0.99
    assert found.defaults["mean_iou"] < 0.8  # of the start
    assert found.after["boundary_f1"] > found.before["boundary_f1"]
    assert found.parameters.bilateral_weight >= 4 and found.parameters.iterations == 2
    content = json.loads((tmp_path / "crf.json").read_text())
    assert CRFParameters.from_json(content, "x") == found.parameters
    assert (content["classes"], content["model"]) == (["dark", "bright"], "m")
    assert (content["images"], content["after"]) == (COUNT, found.after)
    assert [path.name for path in tmp_path.iterdir()] == ["crf.json"]
    assert {(done, total) for done, total, note in seen if note == "predicting"} == {
        (done, COUNT) for done in range(1, COUNT + 1)
    }
    # The grid of four and the start on two images; the start, the best and steps on all.
    assert found.tries == 5 + 2 + 4
    assert sum(note.startswith("try") for *_, note in seen) == 5 * 2 + 6 * COUNT


def broken_after(monkeypatch, count):
    """Scores so many parameters, then raises as Ctrl-C does."""
    whole = crf_tuning._Run.mean_iou
    calls = []

    def mean_iou(self, *arguments):
        calls.append(arguments)
        if len(calls) > count:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    monkeypatch.setattr(crf_tuning._Run, "mean_iou", mean_iou)
    return calls


class NoBoundary:
    def __init__(self, *_, **__):
        pass

    def update_state(self, *_):
        pass

    def result(self):
        return 0.5


def timeless(path):
    content = json.loads(path.read_text())
    for name in ("before", "defaults", "after"):
        del content[name]["milliseconds"]
    return content


def test_an_interrupted_search_goes_on(tmp_path, monkeypatch):
    # TensorFlow takes seconds to draw boundaries.
    monkeypatch.setattr(crf_tuning, "BoundaryF1", NoBoundary)
    whole = tune(tmp_path / "whole.json")
    output = tmp_path / "crf.json"
    with monkeypatch.context() as patched:
        broken_after(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            tune(output)
    assert not output.exists() and (tmp_path / "crf.tuning" / "state.json").exists()
    calls = broken_after(monkeypatch, 100)
    network = Speckled()
    found = tune(output, network)
    assert network.calls == 0 and len(calls) == whole.tries - 3
    assert found.parameters == whole.parameters
    assert timeless(output) == timeless(tmp_path / "whole.json")


@pytest.mark.parametrize("change", ["identity", "start"])
def test_a_state_of_something_else_is_not_gone_on_with(tmp_path, monkeypatch, change):
    monkeypatch.setattr(crf_tuning._Run, "scores", lambda *_: {"mean_iou": 0})  # takes its time
    output = tmp_path / "crf.json"
    with monkeypatch.context() as patched:
        broken_after(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            tune(output)
    other = {"identity": {"model": "other"}, "start": CRFParameters(iterations=1)}
    network = Speckled()
    tune(output, network, **{change: other[change]})
    assert network.calls == COUNT


def test_a_full_disk_is_said_before_it_is_full(tmp_path, monkeypatch):
    usage = SimpleNamespace(free=9000)
    monkeypatch.setattr(crf_tuning.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match=r"fit on the disk.*\(--limit\)"):
        tune(tmp_path / "crf.json")
    assert not (tmp_path / "crf.json").exists()


@pytest.mark.slow
def test_processes_change_nothing(tmp_path):
    tune(tmp_path / "one.json")
    tune(tmp_path / "two.json", processes=2)
    assert timeless(tmp_path / "two.json") == timeless(tmp_path / "one.json")
