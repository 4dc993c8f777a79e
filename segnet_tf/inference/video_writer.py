"""Frames into an MP4 file, by PyAV (FFmpeg's libraries)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.inference.video_reader import import_av

# FFmpeg's codes: Rec. 709 color, limited range. Untagged video is shown in one or the
# other color, by size and player.
_BT709, _LIMITED = 1, 1
# Of a second. 24, 25, 30, 50, 60 frames and their 1000/1001 twins fall on ticks to 10 us.
_CLOCK = 60000


class VideoWriter:
    """An H.264 MP4 that a phone plays, and that can be read but for a frame if killed.

    It is written in fragments, as a stream is, and made an ordinary file by `close`.

    Args:
        path: of the file, replaced if it is there.
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
            # A fragment a frame, each flushed to the disk: 150 bytes more than in one piece.
            muxing = {
                "movflags": "hybrid_fragmented+empty_moov+frag_every_frame",
                "flush_packets": "1",
            }
            self._container = self._av.open(str(path.resolve()), "w", options=muxing)
            # Zero latency: else x264 keeps two seconds of frames back, which a kill would lose.
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

    def _named(self) -> _Named:
        return _Named(self.path, (self._av.FFmpegError, OSError))


class _Named:
    """Turns the errors of writing into a UserError that names the file."""

    def __init__(self, path: Path, errors: tuple[type[Exception], ...]):
        self._path = path
        self._errors = errors

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, self._errors):
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"`{self._path}` could not be written. Received: {reason}. "
                "Free some space or choose another output folder."
            ) from error
