"""The measures of calibration as text."""

from __future__ import annotations

from segnet_tf.metrics.calibration import CalibrationSummary
from segnet_tf.metrics.rejection import SHARES

_KEPT = (0.5, 0.8, 0.9, 0.95)


def text(found: CalibrationSummary) -> str:
    """Three short tables: the split, each uncertainty, each class.

    Percent, but for NLL (nats a pixel) and the Brier score.
    """
    lines = [
        f"{'accuracy':22}  {_percent(found['accuracy'])}",
        f"{'mean confidence':22}  {_percent(found['confidence'])}",
        f"{'ECE':22}  {_percent(found['ece'])}",
        f"{'adaptive ECE':22}  {_percent(found['adaptive_ece'])}",
        f"{'NLL':22}  {found['nll']:6.4f}",
        f"{'Brier score':22}  {found['brier']:6.4f}",
        "",
    ]
    width = max(len(name) for name in [*found["uncertainty"], "uncertainty"])
    heads = "".join(f"  kept {100 * share:2.0f}" for share in _KEPT)
    lines.append(f"{'uncertainty':{width}}   AUROC{heads}    area")
    for name, row in found["uncertainty"].items():
        kept = "".join(
            f"  {_percent(row['kept_accuracy'][SHARES.index(each)], 7)}" for each in _KEPT
        )
        area = _percent(row["kept_accuracy_area"])
        lines.append(f"{name:{width}}  {_percent(row['auroc'])}{kept}  {area}")
    lines.append("kept N: accuracy of the N percent that are surest; area: the mean over all N")
    lines.append("")
    names = list(found["uncertainty"])
    width = max(len(name) for name in [*found["per_class"], "class"])
    heads = "".join(f"  {f'AUROC {name}':>{len(name) + 6}}" for name in names)
    lines.append(f"{'class':{width}}  accuracy  confidence     NLL{heads}")
    for name, row_of_class in found["per_class"].items():
        nll = row_of_class["nll"]
        cells = [
            _percent(row_of_class["accuracy"], 8),
            _percent(row_of_class["confidence"], 10),
            f"{'-' if nll is None else f'{nll:.4f}':>6}",
        ]
        cells += [
            _percent(found["uncertainty"][each]["per_class_auroc"][name], len(each) + 6)
            for each in names
        ]
        lines.append(f"{name:{width}}  {'  '.join(cells)}")
    return "\n".join(lines)


def _percent(value: float | None, width: int = 6) -> str:
    return f"{'-' if value is None else f'{100 * value:.2f}':>{width}}"
