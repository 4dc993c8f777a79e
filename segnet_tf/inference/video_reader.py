"""Reads the frames of a video file or a camera, by PyAV (FFmpeg's libraries)."""

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
from segnet_tf.system.limits import MAX_PIXELS, limit

_USUAL_RATE = 25


def import_av() -> ModuleType:
    """Imports PyAV, which is an optional package.

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
    """The frames of a video file or of a camera, without those that cannot be decoded.

    Codecs such as H.264 have no checksums: damage that can still be decoded is not noticed.

    Args:
        source: a video file, or "camera:N" for the camera /dev/videoN.

    Attributes:
        rate: frames a second according to the file, or 25.
        total: number of frames according to the file, None if it doesn't say.
        end: why the video ended too early, None if it did not.

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
            raise _unreadable(source, "it holds no video")
        self._stream = videos[0]
        pixels = self._stream.width * self._stream.height
        if pixels > limit(MAX_PIXELS):
            self.close()
            raise _unreadable(source, f"frames of {pixels} pixels; {MAX_PIXELS} allows more")
        if not self.is_camera:
            # Else the decoder fills in what it cannot read and returns the frame as a good one.
            # Not for a camera, whose first frame is often cut.
            self._stream.codec_context.options = {"err_detect": "explode"}
        self.rate = Fraction(self._stream.average_rate or _USUAL_RATE)
        self.total = self._stream.frames or None
        self.end: str | None = None
        # Time stamps of frames, or their numbers from 0 where a stream has no time stamps.
        self._stamps: set[int] = set()
        self._pending: set[int] = set()  # read, and not yet decoded
        self._lost: set[int] = set()
        self._doubtful: set[int] = set()
        # The last frame that failed, until a key frame: from there on frames are whole again.
        self._failed: int | None = None

    def _open(self, source: str) -> Any:
        if self.is_camera:
            device, driver = _device(source)
            return self._av.open(device, format=driver)
        # A playlist must not make FFmpeg open other hosts.
        options = {"protocol_whitelist": "file"}
        return self._av.open(str(Path(source).resolve()), options=options)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    @property
    def lost(self) -> tuple[int, ...]:
        """Numbers, from 1, of the frames that could not be decoded."""
        return self._numbers(self._lost)

    @property
    def doubtful(self) -> tuple[int, ...]:
        """Numbers of frames that were decoded from a lost one."""
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
            # A phone stores the sensor's pixels, and beside them how far to rotate them.
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
                # None: the decoder returns the frames that it kept back to sort them.
                decoded = self._stream.decode(packet)
            except self._av.EOFError:  # it has returned them already
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

    def _fail(self, packet: Any) -> None:
        stamp = None if packet is None else packet.pts
        if stamp is None:
            stamp = len(self._stamps)
            self._stamps.add(stamp)
            self._lost.add(stamp)
        self._failed = max(stamp, self._failed or 0)

    def _take(self, frame: Any) -> int:
        stamp = len(self._stamps) if frame.pts is None else frame.pts
        self._stamps.add(stamp)
        # Frames come in the order they are shown, so older packets will get no frame any more.
        older = {other for other in self._pending if other < stamp}
        self._pending -= older | {stamp}
        if self._failed is None:
            # Some formats have packets without a frame; those are no damage.
            self._stamps -= older
            return stamp
        self._lost = (self._lost | older) - {stamp}
        if frame.key_frame and stamp > self._failed:
            self._failed = None
        else:
            self._doubtful.add(stamp)
        return stamp


def is_camera(source: str) -> bool:
    """Whether `source` is meant as a camera, even if it is written wrong."""
    return source.startswith("camera:")


def _device(source: str) -> tuple[str, str]:
    """The device file and the FFmpeg driver of "camera:N"."""
    index = re.fullmatch(r"camera:(\d+)", source, re.ASCII)
    if not index:
        raise UserError(
            f"`source` (--input) must be camera:N with the camera's number. Received: {source}. "
            "Pass camera:0 for the first one."
        )
    return f"/dev/video{int(index[1])}", "video4linux2"


def _unreadable(source: str, reason: str) -> UserError:
    if is_camera(source):
        known = sorted(f"camera:{path.name[5:]}" for path in Path("/dev").glob("video[0-9]*"))
        return UserError(
            f"`source` (--input) must be a camera that exists and is free. Received: {source} "
            f"({_device(source)[0]}: {reason}). Cameras here: {', '.join(known) or 'none'}."
        )
    return UserError(
        f"`source` (--input) must be a video that FFmpeg reads. Received: {source} ({reason}). "
        "Copy or download it again."
    )
