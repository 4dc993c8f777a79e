"""Frames out of a video file or a camera, by PyAV (FFmpeg's libraries)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from segnet_tf.errors import UserError

_USUAL_RATE = 25


def import_av() -> ModuleType:
    """PyAV.

    Raises:
        UserError: it isn't installed.
    """
    try:
        import av
    except ImportError as error:
        raise UserError(
            f"video needs PyAV. Received: {error}. Install it: pip install av"
        ) from error
    return av


class VideoReader:
    """The frames of a video file or of a camera, those that cannot be decoded left out.

    Codecs such as H.264 have no checksums: damage that still decodes is not noticed.

    Args:
        source: a video file, or "camera:N" for the camera /dev/videoN.

    Attributes:
        rate: frames a second as the file says, or the usual 25.
        total: frames as the file says, None if it doesn't.
        end: why the video ended before it was over, None if it did not.

    Raises:
        UserError: no video, no camera, or no PyAV.
    """

    def __init__(self, source: str):
        self._av = import_av()
        self.is_camera = is_camera(source)
        try:
            self._container = self._open(source)
        except (self._av.FFmpegError, OSError) as error:
            raise _unreadable(source, error.strerror or str(error)) from error
        videos = self._container.streams.video
        if not videos:
            self.close()
            raise _unreadable(source, "there is no video in it")
        self._stream = videos[0]
        if not self.is_camera:
            # Else the decoder paints over what it cannot read and gives it as a good frame.
            # A camera's first frame is often cut, and its decoder must not mind.
            self._stream.codec_context.options = {"err_detect": "explode"}
        self.rate = Fraction(self._stream.average_rate or _USUAL_RATE)
        self.total = self._stream.frames or None
        self.end: str | None = None
        # Time stamps of frames; without them, as in a bare stream, their numbers from 0.
        self._stamps: set[int] = set()
        self._pending: set[int] = set()  # no frame has come for these yet
        self._lost: set[int] = set()
        self._doubtful: set[int] = set()
        self._failed: int | None = None  # the last one that a key frame has not healed

    def _open(self, source: str):
        if self.is_camera:
            device, driver = _device(source)
            return self._av.open(device, format=driver)
        # A playlist must not make it open other hosts.
        options = {"protocol_whitelist": "file"}
        return self._av.open(str(Path(source).resolve()), options=options)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    @property
    def lost(self) -> tuple[int, ...]:
        """Numbers, from 1, of the frames that could not be decoded."""
        return self._numbers(self._lost)

    @property
    def doubtful(self) -> tuple[int, ...]:
        """Numbers of decoded frames that were built on a lost one."""
        return self._numbers(self._doubtful)

    def _numbers(self, stamps: set[int]) -> tuple[int, ...]:
        ordered = sorted(self._stamps)
        return tuple(bisect_left(ordered, stamp) + 1 for stamp in sorted(stamps))

    def frames(self) -> Iterator[tuple[np.ndarray, float]]:
        """Yields `(image, seconds)`: uint8 RGB `(H, W, 3)`, upright, and when it is shown."""
        first = None
        for frame, stamp in self._decoded():
            seconds = stamp / float(self.rate) if frame.time is None else frame.time
            first = seconds if first is None else first
            image = frame.to_ndarray(format="rgb24")
            # A phone writes the sensor's pixels and a note how to turn them.
            yield np.rot90(image, round(frame.rotation / 90)), seconds - first

    def _decoded(self) -> Iterator[tuple[Any, int]]:
        """Frames and their time stamps."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (self._av.FFmpegError, OSError) as error:
                self.end = error.strerror or str(error)
                packet = None
            if packet is not None and packet.pts is not None and not packet.is_discard:
                self._stamps.add(packet.pts)
                self._pending.add(packet.pts)
            try:
                # None takes out what the decoder holds back for its order.
                decoded = self._stream.decode(packet)
            except self._av.EOFError:  # the last packet did so too
                decoded = []
            except (self._av.FFmpegError, OSError):
                decoded = []
                self._fail(packet)
            for frame in decoded:
                yield frame, self._take(frame)
            if packet is None:
                break
        if self._failed is not None:
            self._lost |= self._pending
        if self.end is None and len(self._stamps) < (self.total or 0):
            self.end = f"its header says {self.total} frames, so it is cut off"

    def _fail(self, packet) -> None:
        stamp = None if packet is None else packet.pts
        if stamp is None:
            stamp = len(self._stamps)
            self._stamps.add(stamp)
            self._lost.add(stamp)
        self._failed = max(stamp, self._failed or 0)

    def _take(self, frame) -> int:
        stamp = len(self._stamps) if frame.pts is None else frame.pts
        self._stamps.add(stamp)
        # Frames come in the order they are shown: for what is older, none will.
        older = {other for other in self._pending if other < stamp}
        self._pending -= older | {stamp}
        if self._failed is None:
            # Good files of some formats have packets without a frame.
            self._stamps -= older
            return stamp
        self._lost = (self._lost | older) - {stamp}
        if frame.key_frame and stamp > self._failed:
            self._failed = None
        else:
            self._doubtful.add(stamp)
        return stamp


def is_camera(source: str) -> bool:
    """Whether `source` means a camera, rightly or not."""
    return source.startswith("camera:")


def _device(source: str) -> tuple[str, str]:
    """File and FFmpeg driver of "camera:N"."""
    index = re.fullmatch(r"camera:(\d+)", source, re.ASCII)
    if not index:
        raise UserError(
            f"`--input` must be camera:N with the camera's number. Received: {source}. "
            "Pass camera:0 for the first one."
        )
    return f"/dev/video{int(index[1])}", "video4linux2"


def _unreadable(source: str, reason: str) -> UserError:
    if is_camera(source):
        there = sorted(f"camera:{path.name[5:]}" for path in Path("/dev").glob("video[0-9]*"))
        return UserError(
            f"`--input` must be a camera that is there and free. Received: {source} "
            f"({_device(source)[0]}: {reason}). Cameras here: {', '.join(there) or 'none'}."
        )
    return UserError(
        f"`--input` must be a video that FFmpeg reads. Received: {source} ({reason}). "
        "Copy or download it again."
    )
