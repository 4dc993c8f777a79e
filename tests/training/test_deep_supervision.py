"""Deep supervision against losses worked out one by one."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf import losses, metrics, models
from segnet_tf.config import TrainConfig
from segnet_tf.models.deep_supervision import supervised
from segnet_tf.training import resume, train
from segnet_tf.training.preparation import fused

OPTIONS = {"widths": (2, 2, 2, 2, 2), "deep_supervision": True}


def images_and_labels():
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 35, 50, 3)).astype("float32")
    return images, rng.integers(0, 3, (2, 35, 50))


def softmax_loss(logits, labels):
    exponents = np.exp(logits - logits.max(-1, keepdims=True))
    shares = exponents / exponents.sum(-1, keepdims=True)
    return -np.log(np.take_along_axis(shares, labels[..., np.newaxis], -1)).mean()


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["plain", "lite0"])
def test_training_takes_the_mean_of_the_classifiers_losses(encoder):
    options = OPTIONS if encoder == "plain" else {"width": 0.0625, "deep_supervision": True}
    model = models.unet_plus_plus(3, (None, None, 3), encoder=encoder, **options)
    trained = supervised(fused(model))
    trained.set_weights(model.get_weights())
    trained.compile(
        keras.optimizers.SGD(0.0),
        losses.MaskedCrossentropy(),
        metrics=[metrics.SegmentationScores(3)],
    )
    images, labels = images_and_labels()
    prediction, *heads = trained(images, training=True)
    np.testing.assert_allclose(prediction, np.mean(heads, axis=0), atol=1e-5)
    assert len(heads) == 4 and {tuple(head.shape) for head in heads} == {(2, 35, 50, 3)}
    each = [softmax_loss(head.numpy(), labels) for head in heads]
    assert np.ptp(each) > 0.01  # else the mean of any of them would do
    assert trained.train_on_batch(images, labels)[0] == pytest.approx(np.mean(each), rel=1e-4)
    alone = softmax_loss(trained(images)[0].numpy(), labels)
    assert trained.test_on_batch(images, labels)[0] == pytest.approx(alone, rel=1e-4)
    # What is shipped is the plain model, in which the same weights stand in the same order.
    model.set_weights(trained.get_weights())
    np.testing.assert_allclose(model(images), trained(images)[0], atol=1e-5)


def test_other_models_are_left_as_they_are():
    model = models.unet_plus_plus(3, (None, None, 3), width=0.0625)
    assert supervised(model) is model


@pytest.mark.slow
def test_a_run_is_resumed_and_its_result_is_the_plain_model(tmp_path):
    config = TrainConfig(
        model="unet_plus_plus",
        model_options=OPTIONS,
        data="synthetic:8",
        size=(48, 64),
        epochs=3,
        seed=1,
    )
    train(config, tmp_path / "whole")
    model = keras.saving.load_model(tmp_path / "whole" / "best.keras")
    assert model.output_shape == (None, None, None, 11) and type(model).__name__ == "Functional"
    train(config, tmp_path / "cut")
    for name in ("best.keras", "last.keras", "scores.json"):
        (tmp_path / "cut" / name).unlink()
    resume(tmp_path / "cut")
    # They differ by the folder that they name, and by nothing else.
    whole, cut = ((tmp_path / run / "scores.json").read_text() for run in ("whole", "cut"))
    assert whole == cut.replace(str(tmp_path / "cut"), str(tmp_path / "whole"))
