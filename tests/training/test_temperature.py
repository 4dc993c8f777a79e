"""The temperature that is found, against scikit-learn's and SciPy's minimum over every pixel."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf.data import VOID, Classes, Samples
from segnet_tf.errors import UserError
from segnet_tf.models.temperature import apply_temperature
from segnet_tf.training.temperature import fit_temperature, least_nll

CLASSES = Classes(("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
SIZE = (20, 30)


def nll(inverse, logits, truth):
    z = inverse * logits
    z = z - z.max(-1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(-1)) - z[np.arange(len(z)), truth])


def drawn(seed, pixels=3000):
    """Logits that are 2.5 times those that the labels were drawn from."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(pixels, 3)) * 2
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return 2.5 * logits, (rng.random((pixels, 1)) > p.cumsum(-1)).sum(-1).clip(0, 2)


@pytest.mark.parametrize("seed", range(3))
def test_the_minimum(seed):
    minimize_scalar = pytest.importorskip("scipy.optimize").minimize_scalar
    logits, truth = drawn(seed)
    found = least_nll(logits.astype(np.float32), truth)
    exact = minimize_scalar(
        lambda t: nll(1 / t, logits, truth), bounds=(0.1, 10), options={"xatol": 1e-9}
    )
    assert found == pytest.approx(exact.x, rel=1e-5)
    assert found == pytest.approx(2.5, rel=0.1)


def test_logits_far_from_what_they_should_be():
    logits, truth = drawn(0)
    wanted = least_nll(logits, truth)
    for factor in (1 / 30, 5):
        # So sure that Newton's first step leads far away.
        assert least_nll(factor * logits, truth) == pytest.approx(factor * wanted, rel=1e-5)


def test_no_minimum():
    logits = np.array([[5.0, 0.0], [0.0, 5.0]])
    for truth in ([0, 1], [1, 0]):
        with pytest.raises(UserError, match="no temperature between 0.05 and 20"):
            least_nll(logits, np.array(truth))


def color_model(activation=None, channels=3):
    """Logits are a twentieth of the color; of one channel those of red."""
    image = keras.Input((*SIZE, 3))
    conv = keras.layers.Conv2D(channels, 1, activation=activation)
    model = keras.Model(image, conv(image))
    conv.set_weights([0.05 * np.eye(3, channels)[None, None], np.full(channels, -6.25)])
    return model


def samples_of(count=4, classes=3):
    """Half of the labels follow the color, the others are drawn blindly; a third is void."""
    pairs = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        image = rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        labels = image.argmax(-1) if classes == 3 else (image[..., 0] > 125).astype(int)
        labels = np.where(rng.random(SIZE) < 0.5, labels, rng.integers(0, classes, SIZE))
        labels[rng.random(SIZE) < 0.3] = VOID
        pairs.append((image, labels.astype(np.uint8)))
    names = CLASSES if classes == 3 else Classes(("dark", "light"), ((0, 0, 0), (9, 9, 9)))
    stems = tuple(str(i) for i in range(count))
    return Samples("hand", "val", names, stems, lambda index: pairs[index]), pairs


def test_every_pixel_of_a_small_split():
    samples, pairs = samples_of()
    images, labels = (np.stack(each) for each in zip(*pairs, strict=True))
    valid = labels != VOID
    logits, truth = (0.05 * images - 6.25)[valid], labels[valid]
    found = fit_temperature(color_model(), samples)
    assert found.pixels == valid.sum() == found.before["pixels"]
    assert found.temperature == pytest.approx(least_nll(logits, truth), rel=1e-5)
    assert found.before["nll"] == pytest.approx(nll(1, logits, truth), rel=1e-5)
    after = nll(1 / found.temperature, logits, truth)
    assert found.after["nll"] == pytest.approx(after, rel=1e-5)
    assert found.after["nll"] < found.before["nll"]
    assert found.after["ece"] < found.before["ece"]
    # Once it is applied nothing is left to find.
    model = color_model()
    apply_temperature(model, found.temperature)
    assert fit_temperature(model, samples).temperature == pytest.approx(1, rel=1e-4)


def test_few_pixels_are_drawn_alike():
    samples, _ = samples_of()
    some = fit_temperature(color_model(), samples, pixels=800)
    assert 400 < some.pixels < 700  # 200 of each image, a third of them void
    assert fit_temperature(color_model(), samples, pixels=800, batch_size=2) == some
    assert fit_temperature(color_model(), samples, pixels=800, seed=1).temperature not in (
        some.temperature,
        fit_temperature(color_model(), samples).temperature,
    )


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_probabilities_have_the_temperature_of_their_logits(activation):
    channels, classes = (1, 2) if activation == "sigmoid" else (3, 3)
    samples, _ = samples_of(classes=classes)
    logits = fit_temperature(color_model(None, channels), samples).temperature
    # A float32 probability near 1 has lost digits of its logit.
    found = fit_temperature(color_model(activation, channels), samples).temperature
    assert found == pytest.approx(logits, rel=1e-3)


def test_what_it_cannot_take():
    samples, pairs = samples_of()
    model = color_model()
    model.layers[-1].bias.assign([np.nan] * 3)
    with pytest.raises(UserError, match="NaN or infinity"):
        fit_temperature(model, samples)
    for _, labels in pairs:
        labels[:] = VOID
    with pytest.raises(UserError, match="void only in hand val"):
        fit_temperature(color_model(), samples)
    with pytest.raises(UserError, match="3 classes of the data"):
        fit_temperature(color_model(None, 1), samples)


@pytest.mark.parametrize(
    "options", [{"pixels": 0}, {"pixels": -5}, {"pixels": "800"}, {"seed": -1}, {"seed": True}]
)
def test_numbers_that_are_none(options):
    with pytest.raises(UserError, match=f"`{next(iter(options))}` must be a whole number"):
        fit_temperature(color_model(), samples_of(1)[0], **options)
