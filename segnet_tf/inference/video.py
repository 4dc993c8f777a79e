"""Overlays of a video's frames, as a video."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from segnet_tf import plots
from segnet_tf.data.samples import spans
from segnet_tf.errors import UserError
from segnet_tf.inference.image_files import find_classes, label_map
from segnet_tf.inference.image_scale import Asked, Notes
from segnet_tf.inference.predictors import Predictor, open_predictor
from segnet_tf.inference.video_reader import VideoReader, import_av, is_camera
from segnet_tf.inference.video_writer import VideoWriter
from segnet_tf.system.atomic_files import put_in_place, replacing
from segnet_tf.system.outputs import check_folder, make_folder

_SUFFIXES = set(
    ".3gp .asf .avi .flv .m2ts .m4v .mjpeg .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv"
    " .y4m".split()
)


@dataclass(frozen=True)
class VideoReport:
    """What `predict_video` did.

    Attributes:
        path: the overlay video.
        frames: how many it has.
        seconds: how long it took, reading and writing included.
        lost: numbers, from 1, of the frames that could not be decoded and were skipped.
        doubtful: numbers of the frames that were decoded from a lost one: a codec stores what
            changes from one frame to the next.
        end: why the video ended too early, None if it did not.
        interrupted: whether Ctrl-C ended it.
    """

    path: Path
    frames: int
    seconds: float
    lost: tuple[int, ...] = ()
    doubtful: tuple[int, ...] = ()
    end: str | None = None
    interrupted: bool = False

    def __str__(self) -> str:
        return (
            f"{self.frames} frames written to {self.path}, "
            f"{self.frames / self.seconds:.1f} frames a second"
        )


def is_video(source: str) -> bool:
    """Whether `--input` means a camera or, by its ending, a video file."""
    return is_camera(source) or (
        Path(source).suffix.lower() in _SUFFIXES and not Path(source).is_dir()
    )


def predict_video(
    model: str | Path | keras.Model | Predictor,
    source: str,
    output: str | Path,
    *,
    size: Asked = None,
    flip: bool = False,
    limit: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> VideoReport:
    """Writes NAME_overlay.mp4, H.264 without sound, at the video's times, and legend.png.

    It is written as NAME_overlay.partial.mp4 and renamed at the end. If the process is killed,
    that file stays and can be played, and is replaced with `overwrite` only. Ctrl-C finishes it at
    once.

    Args:
        model: as for `image_files.predict_files`.
        source: a video file, or "camera:N", which ends with `limit` or Ctrl-C.
        output: the folder, made if missing.
        size: `(height, width)` in pixels that frames are resized to for the model, or "own";
            None for the scale of its training, see `ImageScale`.
        flip: average with the output for the mirrored frame.
        limit: the first so many frames only.
        overwrite: replace existing files.
        progress: called with (frames done, frames), the latter `None` where nobody knows.
        say: called with each line on the scale that the user must know, before it takes its time.

    Raises:
        UserError: no such video or camera, none of its frames can be decoded, a file exists
            or cannot be written, or PyAV is missing.
    """
    import_av()  # first: without it nothing else matters
    if not is_camera(source) and not Path(source).is_file():
        raise UserError(
            f"`source` (--input) must be a video that exists. Received: {source}. Correct the path."
        )
    folder = Path(output)
    path = folder / f"{source.replace(':', '') if is_camera(source) else Path(source).stem}"
    path = path.with_name(f"{path.name}_overlay.mp4")
    partial = path.with_name(f"{path.stem}.partial.mp4")
    writer = None
    note = Notes(say)
    done = 0
    interrupted: KeyboardInterrupt | None = None
    with VideoReader(source) as video:
        check_folder(folder, [path.name, partial.name, "legend.png"], overwrite)
        predictor = open_predictor(model)
        classes = find_classes(predictor)
        total = min(filter(None, (limit, video.total)), default=None)
        began = time.monotonic()
        try:
            for image, seconds in video.frames():
                note(predictor.scale.note(image.shape[:2], size))
                labels = label_map(predictor, classes, image, size=size, flip=flip)
                if writer is None:
                    make_folder(folder)
                    partial.unlink(missing_ok=True)  # FFmpeg would write through a link
                    writer = VideoWriter(partial, image.shape[:2], video.rate)
                writer.write(plots.overlay(image, labels, classes), seconds)
                done += 1
                if progress:
                    progress(done, total)
                if done == limit:
                    break
        except KeyboardInterrupt as interrupt:
            interrupted = interrupt
        if writer is None:
            if interrupted is not None:
                raise interrupted
            raise UserError(
                f"`source` (--input) must hold a frame that can be decoded. Received: {source} "
                f"with none{f': {video.end}' if video.end else ''}. Copy or record it again."
            )
        writer.close()
    put_in_place(partial, path)
    with replacing(folder / "legend.png") as aside:
        plots.legend(classes, aside)
    seconds = time.monotonic() - began
    return VideoReport(
        path, done, seconds, video.lost, video.doubtful, video.end, interrupted is not None
    )


def warnings_of(report: VideoReport) -> list[str]:
    """What the user must know of a video that was not read whole, a sentence each."""
    found = []
    if report.lost:
        text = f"skipped {_numbered(report.lost)}, which cannot be decoded"
        if report.doubtful:
            text += f"; what they changed may be missing in {_numbered(report.doubtful)}"
        found.append(f"{text}.")
    if report.end:
        found.append(f"ended after {report.frames} frames: {report.end}.")
    return found


def _numbered(frames: tuple[int, ...]) -> str:
    return f"frame{'s' if len(frames) > 1 else ''} {spans(frames)}"
