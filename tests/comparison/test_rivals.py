"""Which files of other people are timed beside ours, and how much they compute."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_models
from edited_tflite import edit

from segnet_tf.cli.main import main
from segnet_tf.comparison.rivals import open_rival, open_rivals
from segnet_tf.errors import UserError
from segnet_tf.export.conversion import convert
from segnet_tf.export.tflite_file import arithmetic, flatbuffer

SIZE = (24, 32)


def tflite(function, shape=(1, *SIZE, 3), flex=False):
    """A file of a TensorFlow function, made by TensorFlow's own converter."""
    made = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([made.get_concrete_function()])
    if flex:
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS,
            tf.lite.OpsSet.SELECT_TF_OPS,
        ]
    return converter.convert()


def convolved(x, stride=1, channels=5):
    kernel = tf.constant(np.random.default_rng(0).normal(size=(3, 3, x.shape[-1], channels)))
    return tf.nn.conv2d(x, tf.cast(kernel, tf.float32), stride, "SAME")


@pytest.fixture(scope="module")
def small():
    return tflite(lambda x: convolved(x, stride=4))


def written(folder, content, name="rival"):
    path = folder / f"{name}.tflite"
    path.write_bytes(content)
    return path


def test_a_map_of_a_whole_fraction_of_the_image_is_taken(small, tmp_path):
    rival = open_rival(written(tmp_path, small, "other.v2"))
    assert (rival.name, rival.size, rival.form) == ("other.v2", SIZE, "float32")
    assert rival.parameters == 27 * 5 + 5  # the converter adds a bias
    assert rival.macs == 6 * 8 * 27 * 5


def test_channels_first_is_taken(tmp_path):
    def function(x):
        y = convolved(tf.transpose(x, (0, 2, 3, 1)), stride=3)
        return tf.transpose(y, (0, 3, 1, 2))

    rival = open_rival(written(tmp_path, tflite(function, (1, 3, *SIZE))))
    assert rival.size == SIZE


@pytest.mark.slow
def test_our_own_int8_file_is_taken(tmp_path):
    from rivals import networks

    model = tiny_models.two_stages()
    rival = open_rival(written(tmp_path, networks.exported(model, tiny_models.SIZE, "int8")))
    assert (rival.form, rival.size) == ("int8", tiny_models.SIZE)


BAD = {
    "a detector": (lambda x: tf.reshape(convolved(x), (1, 60, 64)), "must give a map"),
    "a classifier": (lambda x: tf.reduce_mean(convolved(x), (1, 2)), "must give a map"),
    "a map of one pixel": (
        lambda x: tf.reduce_mean(convolved(x), (1, 2), keepdims=True),
        "must give a map",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_another_task_is_refused(kind, tmp_path):
    function, words = BAD[kind]
    with pytest.raises(UserError, match=words) as error:
        open_rival(written(tmp_path, tflite(function)))
    assert "\n" not in str(error.value) and "segmentation" in str(error.value)


def test_sound_is_refused(tmp_path):
    with pytest.raises(UserError, match="must take one image"):
        open_rival(written(tmp_path, tflite(lambda x: x * 2.0, (1, 400))))


def test_flex_ops_are_refused(tmp_path):
    def function(x):
        return convolved(x) + tf.linalg.det(tf.eye(3) * tf.reduce_mean(x))

    with pytest.raises(UserError, match="`rival` must be .*Received: ") as error:
        open_rival(written(tmp_path, tflite(function, flex=True)))
    assert "\n" not in str(error.value)


def test_what_is_no_file_is_refused(small, tmp_path):
    with pytest.raises(UserError, match="No such file"):
        open_rival(tmp_path / "none.tflite")
    with pytest.raises(UserError, match="TFL3"):
        open_rival(written(tmp_path, b"nothing at all"))
    with pytest.raises(UserError, match="`rival` must be") as error:
        open_rival(written(tmp_path, small[: len(small) // 3]))
    assert "\n" not in str(error.value)


def test_a_name_is_taken_once(small, tmp_path):
    path = written(tmp_path, small)
    assert [rival.name for rival in open_rivals([path], ["segnet"])] == ["rival"]
    for paths, taken in (([path, path], []), ([path], ["rival"])):
        with pytest.raises(UserError, match="another name"):
            open_rivals(paths, taken)


def test_the_command_refuses_before_any_work(tmp_path, capsys):
    path = written(tmp_path, b"nothing at all")
    output = tmp_path / "out"
    arguments = ["compare", "--config", "demo", "--rival", str(path), "--output", str(output)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "`rival` must be" in error
    assert not output.exists()


def test_arithmetic_by_hand():
    image = keras.Input((8, 6, 4))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same")(image)  # 4x3x6
    x = keras.layers.DepthwiseConv2D(5, padding="same", use_bias=False)(x)
    x = keras.layers.Conv2DTranspose(7, 3, strides=2, padding="same")(x)  # 8x6x7
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(x))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    graph = flatbuffer.read(converter.convert())
    assert arithmetic.multiply_adds(graph) == (
        4 * 3 * 6 * 9 * 4 + 4 * 3 * 6 * 25 + 4 * 3 * 6 * 9 * 7 + 8 * 6 * 7 * 2
    )
    weights = 9 * 4 * 6 + 25 * 6 + 9 * 6 * 7 + 7 * 2
    # Biases are zeros: six are stored for two layers, and none for the transposed convolution.
    assert arithmetic.parameters(graph) == weights + 6 + 2


def test_arithmetic_of_our_files_is_that_of_the_network(tmp_path):
    from segnet_tf.models.cost import cost_of

    model = tiny_models.two_stages()
    graph = flatbuffer.read(convert.convert(model, tiny_models.SIZE, "float32"))
    own = cost_of(model, tiny_models.SIZE).macs
    # Pooling and unpooling are lowered to depthwise convolutions, which are counted here.
    assert own <= arithmetic.multiply_adds(graph) < 1.5 * own


def test_a_damaged_file_is_one_line(small, tmp_path):
    def change(model):
        model.subgraphs[0].operators[0].inputs = [400, 1, 2]

    with pytest.raises(UserError, match="`rival` must be a whole") as error:
        open_rival(written(tmp_path, edit(small, change)))
    assert "\n" not in str(error.value)
