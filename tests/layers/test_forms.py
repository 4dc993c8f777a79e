"""Both forms of the argmax layers: equal by NumPy and PyTorch, compiled by XLA, not in files."""

from __future__ import annotations

import zipfile
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from make_torch_fixtures import POOLING_CASES, POOLING_FILE, modes
from numpy_pooling import numpy_gradient, numpy_pool, numpy_unpool

from segnet_tf import losses, metrics
from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D
from segnet_tf.metrics import counting

KERNELS = {"MaxPoolWithArgmax", "MaxPoolGradWithArgmax"}
# TensorFlow's kernels that raise on a GPU under `enable_op_determinism`, as its library names them.
NOT_DETERMINISTIC = {"Bincount", "DenseBincount", "ResizeNearestNeighborGrad", "AdjustContrastv2"}
WINDOWS = [(2, 2), (3, 3), (2, 3), (5, 4)]
# Ties are common, and so are windows of nothing but infinity or NaN.
VALUES = np.array([-1, 0, 0, 1, 2, np.nan, np.inf, -np.inf], np.float32)


def there_and_back(x, window=2, padding="valid", form="portable", groups=1):
    """Pooled and unpooled; channel group g is multiplied by g + 1."""
    pooled, argmax = MaxPoolingWithArgmax2D(window, None, padding, form=form)(x)
    many = tf.concat([pooled * (g + 1) for g in range(groups)], -1)
    unpool = MaxUnpooling2D(pool_size=window, form=form)
    return pooled, argmax, unpool(many, argmax, output_size=x)


def ops_in(function) -> set[str]:
    """Types of all ops of a traced function, also of the functions that it calls."""
    graph = function.graph.as_graph_def()
    bodies = [graph.node, *(body.node_def for body in graph.library.function)]
    return {node.op for nodes in bodies for node in nodes}


@pytest.fixture
def gpu(monkeypatch):
    """A process that has a GPU, as far as the choice of a form can see."""
    devices = [SimpleNamespace(device_type=kind) for kind in ("CPU", "GPU")]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("window", WINDOWS)
def test_portable_form_is_numpys(window, padding):
    rng = np.random.default_rng(0)
    for size in ((5, 4), (8, 9), (7, 12)):
        x = rng.choice(VALUES, (2, *size, 3))
        pooled, argmax, unpooled = there_and_back(x, window, padding, groups=2)
        wanted, wanted_argmax = numpy_pool(x, window, ceil=padding == "same")
        np.testing.assert_array_equal(pooled, wanted)
        np.testing.assert_array_equal(argmax, wanted_argmax)
        groups = [numpy_unpool(wanted * (g + 1), wanted_argmax, size) for g in range(2)]
        np.testing.assert_array_equal(unpooled, np.concatenate(groups, -1))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("window", "padding"), [(2, "valid"), (2, "same"), ((3, 5), "same")])
def test_gradient_of_the_portable_form_is_numpys(window, padding, dtype):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 3, (2, 7, 9, 3)).astype(np.float32)
    upstream = rng.integers(-8, 9, x.shape).astype(np.float32)
    pool = MaxPoolingWithArgmax2D(window, None, padding, form="portable", dtype=dtype)
    unpool = MaxUnpooling2D(pool_size=window, form="portable", dtype=dtype)

    def run(source):
        with tf.GradientTape() as tape:
            tape.watch(source)
            out = unpool(*pool(source), output_size=source)
            total = tf.reduce_sum(tf.cast(out, "float32") * upstream)
        return out, tape.gradient(total, source)

    # By XLA in float32 alone, since it compiles each anew.
    out, found = tf.function(run, jit_compile=dtype == "float32")(tf.cast(x, dtype))
    assert out.dtype == dtype
    wanted = numpy_gradient(numpy_pool(x, window, ceil=padding == "same")[1], upstream)
    np.testing.assert_array_equal(tf.cast(found, "float32"), wanted)


def test_portable_form_is_that_of_pytorch():
    with np.load(POOLING_FILE) as file:
        stored = dict(file)
    for name, (shape, _) in POOLING_CASES.items():
        for mode in modes(shape):
            case = {
                key: stored[f"{name}/{mode}/{key}"]
                for key in (
                    "x",
                    "values",
                    "weights",
                    "pooled",
                    "plane_index",
                    "unpooled",
                    "gradient",
                )
            }
            padding = "same" if mode == "ceil" else "valid"
            x = tf.constant(case["x"])
            with tf.GradientTape() as tape:
                tape.watch(x)
                pooled, argmax, unpooled = there_and_back(x, 2, padding)
                total = tf.reduce_sum(unpooled * case["weights"])
            np.testing.assert_array_equal(pooled, case["pooled"])
            channels = shape[-1]
            plane = case["plane_index"] * channels + np.arange(channels)
            np.testing.assert_array_equal(argmax, plane)
            values = MaxUnpooling2D(pool_size=2, form="portable")(case["values"], argmax, x)
            np.testing.assert_array_equal(values, case["unpooled"])
            np.testing.assert_array_equal(tape.gradient(total, x), case["gradient"])


def test_xla_compiles_what_is_numpys_and_a_cpu_keeps_the_kernels():
    x = np.random.default_rng(2).choice(VALUES, (2, 7, 9, 3))
    wanted, wanted_argmax = numpy_pool(x, 2, ceil=True)
    # No size is known while it is traced.
    spec = [tf.TensorSpec([None, None, None, 3])]

    def run(x):
        return there_and_back(x, 2, "same", form="auto")

    for jit in (True, False):
        function = tf.function(run, input_signature=spec, jit_compile=jit)
        pooled, argmax, unpooled = function(x)
        np.testing.assert_array_equal(pooled, wanted)
        np.testing.assert_array_equal(argmax, wanted_argmax)
        np.testing.assert_array_equal(unpooled, numpy_unpool(wanted, wanted_argmax, (7, 9)))
        assert bool(ops_in(function.get_concrete_function()) & KERNELS) is not jit


def test_a_step_on_a_gpu_has_no_op_that_its_determinism_refuses(gpu):
    image = keras.Input((9, 11, 3))
    pooled, argmax = MaxPoolingWithArgmax2D(padding="same")(image)
    x = MaxUnpooling2D()(keras.layers.DepthwiseConv2D(3, padding="same")(pooled), argmax, image)
    model = keras.Model(image, keras.layers.Conv2D(4, 1)(x))
    assert all(layer.supports_jit for layer in model.layers)
    score, rng = metrics.SegmentationScores(4), np.random.default_rng(3)
    truth, logits = rng.integers(0, 4, (2, 9, 11)), rng.random((2, 9, 11, 4), np.float32)
    truth[:, 2:4, 5] = 255

    @tf.function(autograph=False)
    def step(images, truth):
        with tf.GradientTape() as tape:
            loss = losses.get("crossentropy", 4)(truth, model(images, training=True))
        score.update_state(truth, logits)
        return tape.gradient(loss, model.trainable_weights)

    traced = step.get_concrete_function(tf.zeros((2, 9, 11, 3)), truth)
    assert not ops_in(traced) & (NOT_DETERMINISTIC | KERNELS)
    score.reset_state()
    score.update_state(truth, logits)
    predicted, valid = logits.argmax(-1), truth != 255
    wanted = np.histogram2d(truth[valid], predicted[valid], bins=range(5))[0]
    np.testing.assert_array_equal(score.matrix(), wanted)
    counts = counting.class_counts(tf.constant(predicted, tf.int32), valid, 4)
    wanted = [np.bincount(p[v], minlength=4) for p, v in zip(predicted, valid, strict=True)]
    np.testing.assert_array_equal(counts, wanted)


def test_a_file_does_not_depend_on_the_form(tmp_path):
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 3))
    pooled, argmax = MaxPoolingWithArgmax2D(name="pool")(image)
    model = keras.Model(image, MaxUnpooling2D(name="unpool")(pooled, argmax, image))
    x = np.random.default_rng(4).choice(VALUES, (1, 7, 9, 3))
    files, outputs = [], []
    for form in ("auto", "kernel", "portable"):
        for name in ("pool", "unpool"):
            model.get_layer(name).form = form
        model.save(tmp_path / f"{form}.keras")
        with zipfile.ZipFile(tmp_path / f"{form}.keras") as file:
            files.append(file.read("config.json"))
        loaded = keras.models.load_model(tmp_path / f"{form}.keras")
        assert loaded.get_layer("pool").form == loaded.get_layer("unpool").form == "auto"
        outputs += [model(x), loaded(x)]
        loaded.get_layer("pool").form = loaded.get_layer("unpool").form = "portable"
        outputs.append(loaded(x))
    assert len(set(files)) == 1
    for output in outputs:
        np.testing.assert_array_equal(output, outputs[0])
    # As every file before there were forms.
    assert not {"form", "pool_size"} & MaxUnpooling2D(output_size=4).get_config().keys()
    assert MaxUnpooling2D.from_config(MaxUnpooling2D(4, pool_size=3).get_config()).pool_size == (
        3,
        3,
    )


def test_overlapping_windows_keep_the_kernel_and_say_so(gpu):
    x = np.random.default_rng(5).random((1, 7, 7, 2), np.float32)
    layer = MaxPoolingWithArgmax2D(3, 2)
    wanted = numpy_pool(x, 3, 2)
    np.testing.assert_array_equal(layer(x)[1], wanted[1])
    assert not layer.supports_jit
    with pytest.raises(UserError, match=r"without overlap.*\(3, 3\), strides=\(2, 2\)") as caught:
        MaxPoolingWithArgmax2D(3, 2, form="portable")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="Make them equal"):
        tf.function(layer, jit_compile=True, autograph=False)(x)
    image = keras.Input((7, 7, 2))
    pooled, argmax = layer(image)
    unpool = MaxUnpooling2D()
    unpool(pooled, argmax, image)
    assert not unpool.supports_jit
    with pytest.raises(
        UserError, match=r"for an argmax of pool_size=\(3, 3\) with strides=\(2, 2\)"
    ):
        MaxUnpooling2D(form="portable")(pooled, argmax, image)


def test_unpooling_without_a_window_is_refused_where_it_needs_one():
    pooled, argmax = MaxPoolingWithArgmax2D()(np.zeros((1, 4, 4, 2), np.float32))
    layer = MaxUnpooling2D(4)
    assert layer(pooled, argmax).shape == (1, 4, 4, 2) and not layer.supports_jit
    with pytest.raises(UserError, match="Give `pool_size`"):
        tf.function(layer, jit_compile=True, autograph=False)(pooled, argmax)
    with pytest.raises(UserError, match="`form` must be"):
        layer.form = "fast"


def test_argmax_outside_of_its_window_is_not_silent_in_the_portable_form():
    pooled, argmax = MaxPoolingWithArgmax2D()(np.ones((1, 4, 4, 1), np.float32))
    unpool = MaxUnpooling2D(4, pool_size=2, form="portable")
    assert np.isfinite(unpool(pooled, argmax)).all()
    outside = np.array(argmax)
    outside[0, 1, 0, 0] = 3
    assert np.isnan(unpool(pooled, outside)[0, 2:, :2, 0]).all()
