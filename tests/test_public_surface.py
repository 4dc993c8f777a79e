"""What a user sees after `import segnet_tf`, each time in a process of its own."""

from __future__ import annotations

import dataclasses

import keras
import pytest
import tiny_models
from fresh_process import fresh

from segnet_tf import layers, losses, metrics, models, schedules
from segnet_tf.export.options import ExportOptions
from segnet_tf.models.deep_supervision import supervised

ORDERS = {
    "keras first": "import keras, segnet_tf",
    "keras last": "import segnet_tf, keras",
    "tensorflow between": "import segnet_tf, tensorflow, keras",
    # Modules of ours import TensorFlow and Keras themselves, and are half done while they do.
    "labels first": "import segnet_tf.data.label_maps, keras",
    "a loss first": "from segnet_tf.losses import dice; import keras",
    "a layer first": "from segnet_tf.layers import MaxUnpooling2D; import keras",
    "reloaded": "import importlib, segnet_tf; importlib.reload(segnet_tf); import keras",
    # As notebooks do to read changed code: all modules of ours are new, the import hook's too.
    "forgotten": "import sys, segnet_tf\n"
    "for name in [name for name in sys.modules if name.startswith('segnet_tf')]:\n"
    "    del sys.modules[name]\n"
    "import segnet_tf.losses.dice, keras",
}


def small(*more):
    """A convolution between whatever is given."""
    return keras.Sequential(
        [keras.Input((None, None, 3)), *more, keras.layers.Conv2D(3, 3, padding="same")]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved model for each class of ours."""
    folder = tmp_path_factory.mktemp("saved")

    def save(name, model, optimizer="sgd", loss="mse", metrics=()):
        model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics))
        model.save(folder / f"{name}.keras")

    for name in ("enet", "pspnet", "segnet_basic", "unet"):  # together they have all our layers
        save(name, models.build(name, 3, (32, 32, 3), **tiny_models.NARROW[name]))
    for loss in (
        losses.MaskedCrossentropy([1, 2, 3], reduction="sum"),
        losses.BinaryCrossentropy(2.0),
        losses.Dice(3),
        losses.CrossentropyDice(3),
    ):
        save(loss.name, small(), loss=loss)
    kinds = [kind for kind in vars(metrics).values() if isinstance(kind, type)]
    for metric in [kind(3, dtype="float64") for kind in kinds]:
        save(metric.name, small(), metrics=[metric])
    rate = schedules.Warmup(keras.optimizers.schedules.CosineDecay(0.1, 9), 3)
    save("warmup", small(), optimizer=keras.optimizers.AdamW(rate))
    norms = [layers.FusedBatchNormalization(), layers.LocalResponseNormalization()]
    norms.append(layers.TrainingDepthwiseConv2D(5, padding="same"))
    save("norms", small(*norms))
    nested = models.unet_plus_plus(3, (32, 32, 3), widths=(2,) * 5, deep_supervision=True)
    save("supervised", supervised(nested))
    every = [kind(3) for kind in kinds]
    save("all", small(*norms), keras.optimizers.AdamW(rate), losses.CrossentropyDice(3), every)
    return folder


LOAD = """
import json, pathlib, sys
found = {}
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(file)
    made = [model, *model.layers]
    if model.compiled:
        made += [model.loss, model.optimizer._learning_rate]
        made += model._compile_metrics._user_metrics if model._compile_metrics else []
    found[file.stem] = [type(each).__name__ for each in made]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_keras_alone_loads_every_class(folder):
    found = fresh(f"{ORDERS['keras first']}\n{LOAD}", folder)
    assert {"MaxPoolingWithArgmax2D", "MaxUnpooling2D", "ChannelPadding"} <= set(found["enet"])
    assert "CropOrPad2D" in found["unet"]
    assert {"AdaptiveAveragePooling2D", "BilinearResizing2D"} <= set(found["pspnet"])
    assert "LocalResponseNormalization" in found["segnet_basic"]
    assert "Warmup" in found["warmup"] and "DeeplySupervised" in found["supervised"]
    loaded = {name for names in found.values() for name in names}
    for room in (layers, losses, metrics):
        kinds = [name for name in room.__all__ if isinstance(getattr(room, name), type)]
        assert set(kinds) <= loaded


@pytest.mark.slow
@pytest.mark.parametrize("order", list(ORDERS)[1:])
def test_any_order_of_imports_loads(order, folder):
    code = "import json, sys; keras.saving.load_model(sys.argv[1]); print(json.dumps('loaded'))"
    assert fresh(f"{ORDERS[order]}\n{code}", folder / "all.keras") == "loaded"


def test_names_are_seen_and_nothing_heavy_is_imported():
    code = """
import json, sys, segnet_tf
seen = dir(segnet_tf), segnet_tf.__all__, callable(segnet_tf.export), segnet_tf.export.__name__
print(json.dumps([*seen, sorted({"tensorflow", "keras", "numpy"} & set(sys.modules))]))
"""
    seen, names, can_be_called, name, heavy = fresh(code)
    assert seen == sorted(names) and not heavy
    wanted = {"models", "losses", "metrics", "layers", "load_model", "predict", "export"}
    assert wanted <= set(names)
    assert can_be_called and name == "segnet_tf.export"


@pytest.mark.slow
def test_every_name_can_be_had():
    code = """
import json, segnet_tf
kinds = {name: type(getattr(segnet_tf, name)).__name__ for name in segnet_tf.__all__}
try:
    segnet_tf.modles
    kinds["modles"] = "there"
except AttributeError as error:
    kinds["modles"] = str(error)
from segnet_tf import *
kinds["starred"] = sorted(set(segnet_tf.__all__) - set(globals()))
print(json.dumps(kinds))
"""
    kinds = fresh(code)
    assert kinds["modles"] == "module 'segnet_tf' has no attribute 'modles'"
    assert kinds["load_model"] == kinds["predict"] == "function"
    assert kinds["models"] == "module" and kinds["starred"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    [
        "import segnet_tf; segnet_lite = segnet_tf.models.segnet_lite",
        pytest.param(
            "import segnet_tf.models.architectures.segnet_lite\n"
            "from segnet_tf.models import segnet_lite",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_architecture_is_a_function_in_any_order(imports):
    code = "import inspect, json; print(json.dumps(str(inspect.signature(segnet_lite))))"
    signature = fresh(f"{imports}\n{code}")
    assert "num_classes: 'int'" in signature and "unpool_groups" in signature


@pytest.mark.parametrize(
    "imports",
    [
        pytest.param("import segnet_tf", marks=pytest.mark.slow),
        pytest.param("import segnet_tf.export.options", marks=pytest.mark.slow),
        "import segnet_tf.export.exporter",
    ],
)
def test_export_is_the_package_and_the_function(imports):
    code = f"""
{imports}
import json, segnet_tf
package = segnet_tf.export
said = []
for call in (
    lambda: segnet_tf.export("nowhere.keras", format="int8"),
    lambda: segnet_tf.export("nowhere.keras", format="int8", ouput=3),
    lambda: segnet_tf.export("nowhere.keras", "int8"),
):
    try:
        call()
    except segnet_tf.errors.UserError as error:
        said.append(str(error))
import segnet_tf.export.exporter
print(json.dumps([said, package is segnet_tf.export]))
"""
    (no_model, typo, place), still = fresh(code)
    assert "nowhere.keras" in no_model and "`model` must be" in no_model
    assert "Did you mean output?" in typo and 'format="int8"' in place
    assert still


@pytest.mark.slow
def test_help_and_completion_show_the_arguments_of_export():
    code = """
import contextlib, inspect, io, json, sys, segnet_tf
names = list(inspect.signature(segnet_tf.export).parameters)
doc = segnet_tf.export.__doc__
light = not {"tensorflow", "keras", "numpy"} & set(sys.modules)
with contextlib.redirect_stdout(io.StringIO()) as shown:
    help(segnet_tf.export)
print(json.dumps([names, doc, light, shown.getvalue()]))
"""
    names, doc, light, shown = fresh(code)
    assert names[:2] == ["model", "options"]
    assert names[2:] == [field.name for field in dataclasses.fields(ExportOptions)]
    assert light
    for text in (doc, shown):
        assert "calibration_images=64" in text and "calibration_images: how many" in text


@pytest.mark.slow
def test_a_keras_that_cannot_be_imported_says_so_itself(tmp_path):
    (tmp_path / "keras.py").write_text("raise ImportError('a broken Keras')", "utf-8")
    code = """
import json, sys, segnet_tf
sys.path.insert(0, sys.argv[1])
found = []
for _ in range(2):
    try:
        import keras
    except ImportError as error:
        found.append(str(error))
sys.path.pop(0)
import keras
print(json.dumps([found, "segnet_tf>Dice" in keras.saving.get_custom_objects()]))
"""
    assert fresh(code, tmp_path) == [["a broken Keras"] * 2, True]
