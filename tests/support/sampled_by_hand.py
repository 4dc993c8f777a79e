"""What `tiny_models.bayesian` gives with fixed masks: NumPy between calls of Keras's layers."""

from __future__ import annotations

import keras
import numpy as np

# The dropouts in the order of the calls, with what comes before each of them.
DROPOUTS = ("encoder1_dropout", "encoder2_dropout", "decoder2_dropout")


def whole(tile: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A tile `(1, 1, length, channels)` as `(1, height, width, channels)`, pixel by pixel."""
    if tile.shape[1:3] == size or tile.shape[2] == 1:
        return tile
    height, width = size
    mask = np.empty((1, height, width, tile.shape[-1]), np.float32)
    for y in range(height):
        for x in range(width):
            mask[0, y, x] = tile[0, 0, (y * width + x) % tile.shape[2]]
    return mask


def distribution(model: keras.Model, image: np.ndarray, said) -> tuple[np.ndarray, np.ndarray]:
    """Mean probabilities `(1, h, w, channels)` and their entropy `(1, h, w)`, in float64.

    Args:
        model: of `tiny_models.bayesian`, with logits.
        image: float32 `(1, height, width, 3)`.
        said: the `Uncertainty`.
    """
    count = max(said.samples, len(DROPOUTS))
    chances = []
    for sample in range(said.samples):
        logits = _pass(model, image, lambda n, s=sample: (said.seed, (s + n) % count))
        if logits.shape[-1] == 1:
            second = 1 / (1 + np.exp(-logits))
            chances.append(np.concatenate([1 - second, second], -1))
        else:
            powers = np.exp(logits - logits.max(-1, keepdims=True))
            chances.append(powers / powers.sum(-1, keepdims=True))
    mean = np.mean(chances, axis=0)
    entropy = -(mean * np.log(mean)).sum(-1)
    return (mean if model.output_shape[-1] > 1 else mean[..., 1:]), entropy


def _pass(model, image, key) -> np.ndarray:
    call = model.get_layer
    x = call("normalization")(image)
    unpool = []
    for stage in (1, 2):
        for part in ("conv1", "bn1", "relu1"):
            x = call(f"encoder{stage}_{part}")(x)
        before = x
        x, argmax = call(f"encoder{stage}_pool")(x)
        unpool.append((argmax, before))
        x = _dropped(model, x, f"encoder{stage}_dropout", key)
    for stage in (2, 1):
        argmax, before = unpool[stage - 1]
        x = call(f"decoder{stage}_unpool")(x, argmax, output_size=before)
        for part in ("conv1", "bn1", "relu1"):
            x = call(f"decoder{stage}_{part}")(x)
        if stage == 2:
            x = _dropped(model, x, "decoder2_dropout", key)
    return np.asarray(call("classifier")(x), np.float64)


def _dropped(model, x, name, key) -> np.ndarray:
    x = np.asarray(x)
    rate, (_, height, width, channels) = model.get_layer(name).rate, x.shape
    # Worked out: 16x24 pixels hold a tile of 64 six times. In 8x12 pixels each divisor of 96 puts
    # two of its pixels into a window of 5x5.
    side = {(16, 24): (1, 64, channels), (8, 12): (8, 12, channels)}[height, width]
    rng = np.random.default_rng([*key(DROPOUTS.index(name)), *side])
    tile = (rng.random((1, *side)) >= rate) / (1 - rate)
    return (x * whole(tile, (height, width))).astype(np.float32)
