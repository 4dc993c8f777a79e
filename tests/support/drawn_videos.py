"""Small videos, written and read by PyAV alone. Import after `pytest.importorskip("av")`."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np


def write(path, images, codec="libx264", pixels="yuv420p", ticks=None, group=12, **options):
    """A video of `images`, 10 a second or at `ticks` of a tenth of a second."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.gop_size = group
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = ticks[index] if ticks else index
            frame.time_base = Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def read(path) -> tuple[list[np.ndarray], list[float]]:
    """Frames and when they are shown, by PyAV alone."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [frame.to_ndarray(format="rgb24") for frame in frames], [
            round(frame.time, 4) for frame in frames
        ]


def moving(count, size=(48, 64), noise=0) -> list[np.ndarray]:
    """A bright bar that goes a pixel to the right in each frame, with noise of a deviation."""
    rng = np.random.default_rng(0)
    images = np.full((count, *size, 3), (30, 60, 90), np.uint8)
    for index, image in enumerate(images):
        image[10:40, index % 40 : index % 40 + 16] = (250, 220, 200)
    return [
        np.clip(image + rng.normal(0, noise, image.shape), 0, 255).astype(np.uint8)
        for image in images
    ]
