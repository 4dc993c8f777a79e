"""Paired augmentation: image and labels are moved by the same transform."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import tensorflow as tf

from segnet_tf.data.classes import VOID
from segnet_tf.data.photometric import LUMA, Camera, photograph
from segnet_tf.errors import UserError


@dataclass(frozen=True)
class Augmentation:
    """How far an image may be changed. Each amount is random, uniform and independent.

    Args:
        flip: swap left and right in one image of two.
        rotation: largest angle to either side, degrees in 0..180.
        scale: `(smallest, largest)` zoom, 2 showing everything twice as large.
        brightness: largest relative change of all values, in 0..1.
        contrast: largest relative change of the distance from the image's mean grey.
        saturation: largest relative change of the distance from the pixel's own grey.
        camera: what a camera may do to the image after that.

    Raises:
        UserError: a value is out of its range.
    """

    flip: bool = False
    rotation: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    camera: Camera = Camera()

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0 < low <= high < math.inf:
            raise UserError(
                "`scale` must be (smallest, largest) with 0 < smallest <= largest. "
                f"Received: {tuple(self.scale)}. Use (1, 1) for no scaling."
            )
        if not 0 <= self.rotation <= 180:
            raise UserError(
                f"`rotation` must be 0..180 degrees. Received: {self.rotation}. "
                "Use 0 for no rotation."
            )
        for name in ("brightness", "contrast", "saturation"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(
                    f"`{name}` must be 0..1, a relative change. Received: {getattr(self, name)}. "
                    "Use 0 for no change."
                )

    @property
    def keeps_grid(self) -> bool:
        """Whether output pixels are input pixels, with nothing to interpolate."""
        return self.rotation == 0 and tuple(self.scale) == (1.0, 1.0)


NONE = Augmentation()
STANDARD = Augmentation(
    flip=True, rotation=5.0, scale=(0.75, 1.5), brightness=0.25, contrast=0.25, saturation=0.25
)
# Other roads are seen by other cameras, in other light.
STRONG = dataclasses.replace(
    STANDARD,
    brightness=0.4,
    contrast=0.4,
    saturation=0.5,
    camera=Camera(white_balance=0.15, gamma=0.4, grey=0.1, blur=1.0, noise=8.0, jpeg=40),
)
PRESETS = {"standard": STANDARD, "strong": STRONG, "none": NONE}


def augment(
    image: tf.Tensor,
    labels: tf.Tensor,
    seed: tf.Tensor,
    crop: tuple[int, int] | None,
    augmentation: Augmentation,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Flips, turns, scales, crops and recolors one pair; a pure function of its inputs.

    Flip, rotation, scale and crop are one projective transform: the image is interpolated
    once (bilinear), and each label is copied from the nearest pixel, never mixed.

    Args:
        image: uint8 or float32 `(H, W, 3)`, RGB 0..255.
        labels: uint8 `(H, W)`.
        seed: integer `(2,)`; the same seed gives the same result.
        crop: `(height, width)` of the result in pixels, taken from a random place;
            None keeps the size of the image.

    Returns:
        float32 `(h, w, 3)` in 0..255 and uint8 `(h, w)`. Pixels that the image does not
        cover are `VOID` in the labels and hold its mirrored edge in the image.
    """
    shape = tf.shape(image)
    size = shape[:2] if crop is None else tf.constant(crop, tf.int32)
    draws = tf.random.stateless_uniform((8,), seed)
    transform = _transform(draws[:5], shape, size, augmentation)

    def move(tensor: tf.Tensor, interpolation: str, fill_mode: str, fill: float) -> tf.Tensor:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=tensor[None],
            transforms=transform[None],
            output_shape=size,
            interpolation=interpolation,
            fill_mode=fill_mode,
            fill_value=fill,
        )[0]

    interpolation = "NEAREST" if augmentation.keeps_grid else "BILINEAR"
    moved = move(tf.cast(image, tf.float32), interpolation, "REFLECT", 0.0)
    moved_labels = move(labels[:, :, None], "NEAREST", "CONSTANT", float(VOID))[:, :, 0]
    height, width = crop or image.shape[:2]
    moved = _recolor(moved, draws[5:], augmentation)
    own = tf.random.experimental.stateless_fold_in(seed, 1)
    moved = tf.ensure_shape(photograph(moved, own, augmentation.camera), (height, width, 3))
    return moved, tf.ensure_shape(moved_labels, (height, width))


def _transform(
    draws: tf.Tensor, shape: tf.Tensor, size: tf.Tensor, augmentation: Augmentation
) -> tf.Tensor:
    """The op's 8 numbers: output pixel `(x, y)` -> input pixel, both from pixel centers."""
    in_size = tf.cast(shape[:2], tf.float32)
    out_size = tf.cast(size, tf.float32)
    low, high = augmentation.scale
    zoom = low * tf.pow(high / low, draws[0])  # As likely to halve as to double.
    angle = (draws[1] * 2 - 1) * math.radians(augmentation.rotation)
    mirror = tf.where((draws[2] < 0.5) & augmentation.flip, -1.0, 1.0)

    # By how many input pixels the window can be moved. Negative where the window is larger
    # than the image; then the image is placed anywhere inside the window.
    room = in_size - out_size / zoom
    if augmentation.keeps_grid:
        corner = tf.floor(draws[3:5] * (tf.abs(room) + 1)) * tf.sign(room)
    else:
        corner = draws[3:5] * room
    centre = corner + (out_size / zoom - 1) / 2

    cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    a, b = mirror * cos, -mirror * sin
    middle = (out_size - 1) / 2
    c = centre[1] - a * middle[1] - b * middle[0]
    f = centre[0] - sin * middle[1] - cos * middle[0]
    return tf.stack([a, b, c, sin, cos, f, 0.0, 0.0])


def _recolor(image: tf.Tensor, draws: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """Brightness, contrast and saturation as one affine map of the colors."""
    if augmentation.brightness == augmentation.contrast == augmentation.saturation == 0:
        return image
    limits = (augmentation.brightness, augmentation.contrast, augmentation.saturation)
    brightness, contrast, saturation = tf.unstack(
        1 + (draws * 2 - 1) * tf.constant(limits, tf.float32)
    )
    luma = tf.constant(LUMA)
    mean = tf.tensordot(tf.reduce_mean(image, axis=(0, 1)), luma, 1)
    # Rows of `to_grey` turn a color into its grey, three times.
    to_grey = tf.tile(luma[:, None], (1, 3))
    matrix = saturation * tf.eye(3) + (1 - saturation) * to_grey
    gain = brightness * contrast
    offset = brightness * (1 - contrast) * mean
    pixels = tf.matmul(tf.reshape(image, (-1, 3)), gain * matrix) + offset
    return tf.clip_by_value(tf.reshape(pixels, tf.shape(image)), 0.0, 255.0)
