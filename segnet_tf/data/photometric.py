"""What cameras do to a picture: white balance, gamma, grey, blur, noise, JPEG."""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

from segnet_tf.errors import UserError

# ITU-R BT.601 luma: what a color is in grey.
LUMA = (0.299, 0.587, 0.114)
# Share of the images that go through JPEG once more.
_JPEG_SHARE = 0.5


@dataclass(frozen=True)
class Camera:
    """How far a camera may change an image. Each amount is random, uniform and independent.

    Args:
        white_balance: largest relative change of each channel's gain, in 0..1.
        gamma: the exponent is between `exp(-gamma)` and `exp(gamma)`.
        grey: share of the images that lose their color, in 0..1.
        blur: largest standard deviation of a Gaussian blur, pixels.
        noise: largest standard deviation of Gaussian noise, of 255.
        jpeg: worst quality of half of the images, 1..100; 100 for none.

    Raises:
        UserError: a value is out of its range.
    """

    white_balance: float = 0.0
    gamma: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    jpeg: int = 100

    def __post_init__(self) -> None:
        limits = {"white_balance": 1, "gamma": 2, "grey": 1, "blur": 20, "noise": 255, "jpeg": 100}
        for name, most in limits.items():
            value, least = getattr(self, name), int(name == "jpeg")
            if not least <= value <= most:
                raise UserError(f"`{name}` must be {least}..{most}. Received: {value}.")


def photograph(image: tf.Tensor, seed: tf.Tensor, camera: Camera) -> tf.Tensor:
    """Changes an image as a camera might; a pure function of its inputs.

    Args:
        image: float32 `(height, width, 3)`, RGB 0..255.
        seed: integer `(2,)`; the same seed gives the same result.

    Returns:
        The same shape and dtype, in 0..255.
    """
    if camera == Camera():
        return image
    draws = tf.random.stateless_uniform((8,), seed)
    gains = 1 + (draws[:3] * 2 - 1) * camera.white_balance
    exponent = tf.exp((draws[3] * 2 - 1) * camera.gamma)
    image = 255 * tf.pow(tf.clip_by_value(image * gains / 255, 0.0, 1.0), exponent)
    grey = tf.tensordot(image, tf.constant(LUMA), 1)[..., None]
    image = tf.where(draws[4] < camera.grey, tf.repeat(grey, 3, axis=-1), image)
    if camera.blur:
        image = _blurred(image, draws[5] * camera.blur, math.ceil(3 * camera.blur))
    if camera.noise:
        own = tf.random.experimental.stateless_fold_in(seed, 1)
        noise = tf.random.stateless_normal(tf.shape(image), own)
        image += draws[6] * camera.noise * noise
    image = tf.clip_by_value(image, 0.0, 255.0)
    return _through_jpeg(image, draws[7], camera.jpeg) if camera.jpeg < 100 else image


def _blurred(image: tf.Tensor, sigma: tf.Tensor, radius: int) -> tf.Tensor:
    offsets = tf.range(-radius, radius + 1, dtype=tf.float32)
    # The smallest sigma leaves the image as it is.
    weights = tf.nn.softmax(-0.5 * tf.square(offsets / tf.maximum(sigma, 1e-3)))
    blurred = tf.pad(image, ((radius, radius), (radius, radius), (0, 0)), "SYMMETRIC")[None]
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        kernel = tf.repeat(tf.reshape(weights, shape), 3, axis=2)
        blurred = tf.nn.depthwise_conv2d(blurred, kernel, (1, 1, 1, 1), "VALID")
    return blurred[0]


def _through_jpeg(image: tf.Tensor, draw: tf.Tensor, worst: int) -> tf.Tensor:
    """Through JPEG of a quality from `worst` to 100 if `draw` is below `_JPEG_SHARE`."""

    def compressed() -> tf.Tensor:
        quality = worst + tf.cast(draw / _JPEG_SHARE * (101 - worst), tf.int32)
        whole = tf.cast(tf.round(image), tf.uint8)
        return tf.cast(tf.image.adjust_jpeg_quality(whole, quality), tf.float32)

    return tf.cond(draw < _JPEG_SHARE, compressed, lambda: image)
