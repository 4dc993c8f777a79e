"""A run's files in a process that knows nothing of it."""

from __future__ import annotations

import pytest
import tiny_run
from fresh_process import fresh

from segnet_tf import models
from segnet_tf.training.run_training import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The end of a real training."""
    folder = tmp_path_factory.mktemp("run") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "build", tiny_run.build)
        tiny_run.without_pictures(patch)
        train(tiny_run.config(epochs=1, warmup=0.5), folder)
    return folder


@pytest.mark.slow
def test_last_of_a_run_loads_and_trains_on(run):
    code = """
import json, sys, numpy
model = keras.saving.load_model(sys.argv[1])
before = int(model.optimizer.iterations), model.get_weights()
rng = numpy.random.default_rng(0)
labels = rng.integers(0, model.output_shape[-1], (2, 32, 32))
logs = model.train_on_batch(rng.uniform(0, 255, (2, 32, 32, 3)), labels, return_dict=True)
changed = [not numpy.array_equal(a, b) for a, b in zip(before[1], model.get_weights())]
kind = type(model.optimizer._learning_rate).__name__
print(json.dumps([before[0], int(model.optimizer.iterations), logs["loss"], any(changed), kind]))
"""
    last = run / "last.keras"
    before, after, loss, changed, rate = fresh(f"import keras, segnet_tf\n{code}", last)
    assert (before, after) == (tiny_run.STEPS, tiny_run.STEPS + 1)
    assert 0 < loss < 100 and changed and rate == "Warmup"


@pytest.mark.slow
def test_our_load_model_takes_every_form_and_compiles_if_asked(run):
    code = """
import json, sys, segnet_tf
models = [segnet_tf.load_model(name) for name in sys.argv[1:]]
last = segnet_tf.load_model(sys.argv[2], compile=True)
print(json.dumps([model.compiled for model in (*models, last)]))
"""
    found = fresh(code, run, run / "last.keras", "weights:segnet_mini_camvid")
    assert found == [False] * 3 + [True]
