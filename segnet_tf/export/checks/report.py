"""What a check of a .tflite file found, for a person and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from segnet_tf.export.tflite_file.formats import Format


@dataclasses.dataclass(frozen=True)
class Report:
    """What `verify` found.

    Attributes:
        facts: JSON.
        failures: a line for each broken promise.
        sections: texts for a person that follow the usual lines.
    """

    facts: dict[str, Any]
    failures: tuple[str, ...]
    sections: tuple[str, ...] = ()

    def added(
        self, name: str, found: Any, text: str | None = None, failures: Sequence[str] = ()
    ) -> Report:
        """This report with what else was found.

        Args:
            name: its key in `facts`.
            found: JSON.
            text: its section, `None` for none.
            failures: promises that it shows to be broken.
        """
        return Report(
            {**self.facts, name: found},
            (*self.failures, *failures),
            self.sections if text is None else (*self.sections, text),
        )

    def expecting(self, format: Format) -> Report:
        """This report, with a failure if the file has another format."""
        found = self.facts["format"]
        if found == format:
            return self
        failure = f"it is {found}, not {format}"
        return dataclasses.replace(self, failures=(*self.failures, failure))

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON types."""
        return {**self.facts, "passed": not self.failures, "failures": list(self.failures)}

    def text(self) -> str:
        """All of it for a person."""
        facts = self.facts
        parts = facts["partitions"]
        ops = ", ".join(f"{count} {name}" for name, count in sorted(facts["ops"].items()))
        dtypes = ", ".join(f"{count} {name}" for name, count in sorted(facts["dtypes"].items()))
        lines = [
            f"file         {facts['file']}, {facts['bytes'] / 1e6:.2f} MB, {facts['format']}",
            f"input        {_face(facts['input'])}",
            f"output       {_face(facts['output'])}",
            f"metadata     {_metadata(facts['metadata'])}",
            f"ops          {ops}",
            f"tensors      {dtypes}",
            f"XNNPACK      {parts['delegated']} of {parts['total']} ops, "
            f"partitions: {parts['count']}",
        ]
        lines += _exactness(facts)
        scores = facts["scores"]
        lines.append(
            f"agreement    {100 * scores['pixel_agreement']:.2f} % of pixels have Keras's class "
            f"({scores['images']} images, {scores['data']})"
        )
        apart = scores["probability_difference"]
        if apart is not None:
            lines.append(
                f"probability  differs from Keras's by {apart['mean']:.1e} on average, by "
                f"{apart['largest']:.1e} at most"
            )
        if scores["keras_mean_iou"] is not None:
            lines.append(
                f"mean IoU     Keras {100 * scores['keras_mean_iou']:.2f} %, this file "
                f"{100 * scores['tflite_mean_iou']:.2f} %, "
                f"lost {100 * scores['mean_iou_drop']:+.2f} points"
            )
        latency = facts["latency"]
        several = f" for {latency['images']} images" if latency["images"] > 1 else ""
        lines.append(
            f"latency      {latency['milliseconds']:.1f} ms{several}, one thread, on this machine "
            f"({latency['machine']}), not on a phone"
        )
        lines += [f"FAILED       {failure}" for failure in self.failures]
        return "\n".join([*lines, *self.sections])


def _metadata(found: dict[str, Any] | None) -> str:
    labels = (found or {}).get("labels")
    named = (
        ", ".join(labels) if labels else "no class names, give them by labels=FILE (--labels FILE)"
    )
    if found is None:
        return f"none; {named}"
    segmenter = found["activation"] is not None
    return f"{'for MediaPipe; ' if segmenter else ''}{named}"


def _exactness(facts: dict[str, Any]) -> list[str]:
    if facts["unpool"] == "builtin":
        masks = facts["masks"]
        if not masks["count"]:
            return ["masks        none needed: this network has no pooling indices"]
        return [
            f"masks        {masks['count']}, on {runtime}: {counts['wrong']:,} of "
            f"{counts['pairs']:,} pairs wrong"
            for runtime, counts in masks["runtimes"].items()
        ]
    pairs = facts["pairs"]
    lines = [
        f"custom ops   {pairs['count']} pairs, on {runtime}: {counts['wrong']:,} of "
        f"{counts['windows']:,} windows wrong, {counts['other_tie']:,} with another of equal maxima"
        for runtime, counts in pairs["runtimes"].items()
    ]
    return [*lines, f"ties         {pairs['ties']}", f"needs        {pairs['needs']}"]


def _face(face: dict[str, Any]) -> str:
    shape = "x".join(map(str, face["shape"]))
    if not face["scale"]:
        return f"{shape} {face['dtype']}"
    return (
        f"{shape} {face['dtype']}, scale {face['scale'][0]:.6g}, zero point {face['zero_point'][0]}"
    )
