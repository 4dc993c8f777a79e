"""Pictures: that they hold the colors and places they should, and leave no state behind."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segnet_tf import plots
from segnet_tf.data.classes import Classes
from segnet_tf.errors import UserError
from segnet_tf.plots import charts

VOID = 255
CLASSES = Classes(("road", "car", "sky"), ((130, 60, 130), (60, 0, 130), (120, 180, 220)))


def pixels(path):
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB")).astype(int)


def share(picture, color):
    return np.mean(np.abs(picture - np.array(color)).max(axis=-1) <= 3)


def test_overlay_by_hand():
    image = np.full((1, 3, 3), 100, np.uint8)
    labels = np.array([[0, 1, VOID]], np.uint8)
    mixed = plots.overlay(image, labels, CLASSES, alpha=0.25)
    assert mixed.dtype == np.uint8
    assert mixed.tolist() == [[[108, 90, 108], [90, 75, 108], [100, 100, 100]]]
    assert plots.overlay(image, labels, CLASSES, alpha=1)[0, 1].tolist() == [60, 0, 130]
    with pytest.raises(ValueError, match="height and width"):
        plots.overlay(image, labels.T, CLASSES)


def test_curves_are_drawn_from_whatever_the_log_has(tmp_path):
    log, out = tmp_path / "log.csv", tmp_path / "curves.partial"
    log.write_text("epoch,loss,val_loss,val_mean_iou\n1,2.5,2.0,0.1\n2,1.5,,\n3,1.0,1.1,0.4\n")
    plots.curves(log, out)
    full = pixels(out)
    orange, blue = (217, 98, 43), (47, 111, 179)
    left, right = np.split(full, [full.shape[1] // 2], axis=1)
    assert share(left, blue) > 0.001 and share(left, orange) > 0.001
    assert share(right, orange) > 0.001 and share(right, blue) == 0
    log.write_text("epoch,loss\n1,2.5\n")
    plots.curves(log, out)
    assert share(pixels(out), orange) == 0 and share(pixels(out), blue) > 0


@pytest.mark.parametrize("text", ["", "epoch,loss\n", "epoch,loss\n1,low\n"])
def test_an_empty_or_damaged_log_is_named(text, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(text)
    with pytest.raises(UserError, match="log.csv"):
        plots.curves(log, tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()


def test_confusion_cells_are_shaded_by_row(tmp_path):
    # Every car is taken for road: its row is dark in road's column, however few cars.
    matrix = np.array([[10**9, 0, 0], [7, 0, 0], [0, 0, 0]])
    plots.confusion(matrix, CLASSES, tmp_path / "confusion.png")
    picture = pixels(tmp_path / "confusion.png")
    dark = np.argwhere(np.abs(picture - np.array([8, 48, 107])).max(axis=-1) <= 3)
    height, width = dark.max(axis=0) - dark.min(axis=0)
    assert 1.9 < height / width < 2.1  # two cells below each other
    with pytest.raises(ValueError, match="\\(3, 3\\)"):
        plots.confusion(matrix[:2, :2], CLASSES, tmp_path / "other.png")


def test_confusion_of_many_classes_is_drawn(tmp_path):
    names = tuple(f"class number {i}" for i in range(35))
    classes = Classes(names, tuple((i, i, i + 1) for i in range(35)))
    plots.confusion(np.eye(35, dtype=np.int64), classes, tmp_path / "confusion.png")
    assert max(pixels(tmp_path / "confusion.png").shape) < 4000


def test_predictions_show_truth_guess_and_error(tmp_path):
    image = np.full((40, 60, 3), 90, np.uint8)
    truth = np.zeros((40, 60), np.uint8)
    truth[:, 30:] = 2
    guess = truth.copy()
    truth[:10] = VOID
    guess[:, :15] = 1  # a quarter of the picture is wrong
    wide = np.full((30, 90, 3), 90.0, np.float32)
    plots.predictions(
        [image, wide],
        [truth, truth[:30, :90].repeat(2, 1)[:, :90]],
        [guess, guess[:30, :90].repeat(2, 1)[:, :90]],
        CLASSES,
        tmp_path / "out.png",
    )
    picture = pixels(tmp_path / "out.png")
    quarters = np.array_split(picture, 4, axis=1)
    assert share(quarters[1], CLASSES.colors[2]) > 0.2 > share(quarters[1], CLASSES.colors[1])
    assert share(quarters[2], CLASSES.colors[1]) > 0.1
    red = (picture[..., 0] > 190) & (picture[..., 1] < 90)
    assert red[:, : picture.shape[1] * 3 // 4].mean() == 0
    assert 0.05 < np.array_split(red, 4, axis=1)[3].mean() < 0.3
    for bad in ([], [image]):
        with pytest.raises(ValueError, match="same number"):
            plots.predictions(bad, [], [], CLASSES, tmp_path / "bad.png")


def test_legend_has_every_color_and_no_void(tmp_path):
    """A model gives no void, so its masks have none."""
    plots.legend(CLASSES, tmp_path / "legend.png")
    picture = pixels(tmp_path / "legend.png")
    for color in CLASSES.colors:
        assert share(picture, color) > 0.005
    assert share(picture, (0, 0, 0)) == 0


@pytest.mark.parametrize("has_void", [True, False])
def test_void_is_in_a_legend_where_it_is_in_the_picture(has_void, tmp_path):
    image = np.full((40, 60, 3), 90, np.uint8)
    labels = np.zeros((40, 60), np.uint8)
    labels[:, 30:] = 1
    if has_void:
        labels[0, 0] = VOID  # a pixel is too little to be seen but in the legend
    plots.predictions([image], [labels], [labels], CLASSES, tmp_path / "predictions.png")
    plots.pairs([("a", image, labels)], CLASSES, tmp_path / "pairs.png")
    for name in ("predictions.png", "pairs.png"):
        picture = pixels(tmp_path / name)
        legend = picture[int(0.7 * len(picture)) :]
        assert (share(legend, (0, 0, 0)) > 0.0005) == has_void
        assert share(legend, CLASSES.colors[2]) > 0.0005  # every class, though none is sky


def test_pairs_show_image_mask_and_overlay(tmp_path):
    image = np.full((40, 60, 3), 200, np.uint8)
    labels = np.zeros((40, 60), np.uint8)
    other = np.full((60, 40, 3), 20, np.uint8)
    plots.pairs(
        [("train/a", image, labels), ("val/b", other, np.full((60, 40), 2, np.uint8))],
        CLASSES,
        tmp_path / "pairs.png",
    )
    thirds = np.array_split(pixels(tmp_path / "pairs.png"), 3, axis=1)
    for color in ((200, 200, 200), (20, 20, 20)):
        assert share(thirds[0], color) > 0.05 and share(thirds[1], color) < 0.001
    for color in (CLASSES.colors[0], CLASSES.colors[2]):
        assert share(thirds[1], color) > 0.05
    assert share(thirds[2], (165, 130, 165)) > 0.05  # half road, half image


@pytest.mark.parametrize("epochs", [1, 2, 3, 80])
def test_epochs_are_whole_numbers(epochs, tmp_path, monkeypatch):
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss\n" + "".join(f"{e},1.5\n" for e in range(1, epochs + 1)))
    shown = []

    def look(figure, out):
        figure.draw_without_rendering()
        for axes in figure.axes:
            shown.append([text.get_text() for text in axes.get_xticklabels() if text.get_text()])

    monkeypatch.setattr(charts, "save", look)
    plots.curves(log, tmp_path / "curves.png")
    assert len(shown) == 2
    for labels in shown:
        assert labels and all(label.replace("−", "-").lstrip("-").isdigit() for label in labels)
        assert len(set(labels)) == len(labels)


def test_the_callers_own_figures_and_settings_stay(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    settings, figures = dict(pyplot.rcParams), pyplot.get_fignums()
    plots.legend(CLASSES, tmp_path / "legend.png")
    plots.confusion(np.eye(3, dtype=int), CLASSES, tmp_path / "confusion.png")
    assert pyplot.get_fignums() == figures and dict(pyplot.rcParams) == settings
