"""Writes frames into an MP4 file, by PyAV (FFmpeg's libraries)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.inference.video_reader import import_av

# FFmpeg's codes of Rec. 709 color and limited range. Without them the colors that are shown
# depend on the player and on the size of the video.
_BT709, _LIMITED = 1, 1
# Ticks a second. The times of 24, 25, 30, 50 and 60 frames a second, and of the same rates times
# 1000/1001, are a whole number of ticks, to within 10 us.
_CLOCK = 60000


class VideoWriter:
    """An H.264 MP4 that a phone plays. If the process is killed, it lacks one frame at most.

    It is written in fragments, as a stream is; `close` turns it into an ordinary file.

    Args:
        path: of the file; an earlier one is replaced.
        size: `(height, width)` of the frames in pixels; an odd one repeats its last line.
        rate: frames a second.

    Raises:
        UserError: the disk is full, or PyAV lacks libx264.
    """

    def __init__(self, path: Path, size: tuple[int, int], rate: Fraction):
        self._av = import_av()
        self.path = path
        height, width = size
        self._last = -1
        with self._named():
            # A fragment for each frame, flushed to the disk at once: 150 bytes more a frame.
            muxing = {
                "movflags": "hybrid_fragmented+empty_moov+frag_every_frame",
                "flush_packets": "1",
            }
            self._container = self._av.open(str(path.resolve()), "w", options=muxing)
            # Zero latency: else x264 keeps back two seconds of frames, which a kill would lose.
            options = {"preset": "veryfast", "crf": "20", "tune": "zerolatency"}
            stream = self._container.add_stream("libx264", rate=rate, options=options)
            stream.width, stream.height = width + width % 2, height + height % 2
            stream.pix_fmt = "yuv420p"
            stream.time_base = Fraction(1, _CLOCK)
            context = stream.codec_context
            context.time_base = stream.time_base
            context.gop_size = max(1, round(rate))
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = _LIMITED
        self._stream = stream

    def write(self, image: np.ndarray, seconds: float) -> None:
        """Adds a frame: uint8 RGB `(H, W, 3)`, and when it is shown, later than the last."""
        height, width = image.shape[:2]
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        frame = frame.reformat(
            self._stream.width, self._stream.height, "yuv420p", dst_colorspace=_BT709
        )
        self._last = frame.pts = max(self._last + 1, round(seconds * _CLOCK))
        frame.time_base = self._stream.time_base
        with self._named():
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finishes the file."""
        with self._named():
            self._container.mux(self._stream.encode(None))
            self._container.close()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Turns the errors of writing into a UserError that names the file."""
        try:
            yield
        except (self._av.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"`{self.path}` could not be written. Received: {reason}. "
                "Free some space or choose another output folder."
            ) from error
