"""What a user finds in each package of ours, each time in a process of its own."""

from __future__ import annotations

import json

import pytest
from fresh_process import fresh

ROOMS = {
    "training": ("TrainConfig", "recompute_batch_statistics", "resume", "train"),
    "inference": ("Predictor", "TFLiteModel", "evaluate", "predict", "predict_files"),
    "runs": ("load_model", "pack", "read_record"),
    "plots": ("confusion", "curves", "overlay"),
    "export": ("CheckFailed", "Compression", "ExportOptions", "verify"),
}


@pytest.mark.slow
def test_a_room_shows_its_names_at_once_and_imports_nothing():
    code = """
import json, sys, segnet_tf
rooms = {name: getattr(segnet_tf, name) for name in json.loads(sys.argv[1])}
seen = {name: [dir(room), room.__all__, room.__doc__] for name, room in rooms.items()}
heavy = sorted({"tensorflow", "keras"} & set(sys.modules))
found = {}
for name in rooms:
    names = {}
    exec(f"from segnet_tf.{name} import *", names)
    found[name] = {each: type(names[each]).__name__ for each in rooms[name].__all__}
print(json.dumps([seen, heavy, found]))
"""
    seen, heavy, found = fresh(code, json.dumps(list(ROOMS)))
    assert not heavy
    for room, wanted in ROOMS.items():
        shown, names, doc = seen[room]
        assert set(wanted) <= set(names) <= set(shown)
        assert all(name in doc for name in wanted)
        assert "module" not in found[room].values()


@pytest.mark.slow
def test_a_room_keeps_its_names_in_any_order_of_imports():
    """Python puts a module into its package when it is imported: it must not hide a function."""
    code = """
import importlib, json, pkgutil, sys, segnet_tf
kinds = {}
for name in json.loads(sys.argv[1]):
    room = getattr(segnet_tf, name)
    for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)
    kinds[name] = {each: type(getattr(room, each)).__name__ for each in room.__all__}
print(json.dumps(kinds))
"""
    kinds = fresh(code, json.dumps(list(ROOMS)))
    assert set(kinds) == set(ROOMS)
    assert not [room for room, found in kinds.items() if "module" in found.values()]


def test_a_misspelt_name_of_a_room_is_an_error():
    code = """
import json, segnet_tf
try:
    segnet_tf.training.trian
except AttributeError as error:
    print(json.dumps([str(error), error.name]))
"""
    assert fresh(code) == ["module 'segnet_tf.training' has no attribute 'trian'", "trian"]


@pytest.mark.slow
def test_train_score_predict_and_pack_from_python_alone(tmp_path):
    code = """
import json, pathlib, sys, numpy, segnet_tf
folder = pathlib.Path(sys.argv[1])
config = segnet_tf.training.TrainConfig(
    data="synthetic:4", size=(32, 32), batch_size=2, epochs=1, model_options={"widths": [2] * 5}
)
scores = segnet_tf.training.train(config, folder / "run")
samples = segnet_tf.data.open_samples("synthetic:4", "val", size=(32, 32))
model = segnet_tf.runs.load_model(folder / "run")
again = segnet_tf.inference.evaluate(model, samples).summary
segnet_tf.inference.predict_files(folder / "run", "synthetic", folder / "masks")
segnet_tf.runs.pack(folder / "run", folder / "packed.keras")
record = segnet_tf.runs.read_record(folder / "packed.keras")
print(json.dumps([scores["mean_iou"], again["mean_iou"], record["num_classes"]]))
"""
    first, again, classes = fresh(code, tmp_path)
    assert first == again and classes == 11
    assert (tmp_path / "packed.keras").is_file() and (tmp_path / "masks/legend.png").is_file()


@pytest.mark.slow
def test_a_model_of_ones_own_becomes_an_int8_file_on_ones_own_images(tmp_path):
    code = """
import json, pathlib, sys, keras, numpy as np, segnet_tf
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (6, 32, 32, 3), np.uint8)
labels = (images.mean(-1) > 127).astype(np.uint8)
image = keras.Input((32, 32, 3))
x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(
    keras.layers.Rescaling(1 / 255)(image)
)
pooled, argmax = MaxPoolingWithArgmax2D()(x)
model = keras.Model(image, keras.layers.Conv2D(2, 1)(MaxUnpooling2D()(pooled, argmax, x)))
model.compile("adam", loss=segnet_tf.losses.MaskedCrossentropy())
model.fit(images, labels, verbose=0)
file = pathlib.Path(sys.argv[1], "mine.tflite")
options = {"format": "int8", "output": file, "largest_drop": 1.0, "overwrite": True}
found = []
for data in (images, (images, labels)):
    path, report = segnet_tf.export(model, data=data, **options)
    found.append([report.failures, report.facts["calibration"], report.facts["scores"]["images"]])
    found[-1].append(report.facts["scores"]["mean_iou_drop"] is None)
checked = segnet_tf.export.verify(file, model)
print(json.dumps([found, path == file, checked.facts["format"], checked.failures]))
"""
    found, is_file, format, failures = fresh(code, tmp_path)
    assert found == [
        [[], {"images": 6, "data": "array in memory"}, 6, True],
        [[], {"images": 6, "data": "arrays in memory"}, 6, False],
    ]
    assert is_file and format == "int8" and failures == []
