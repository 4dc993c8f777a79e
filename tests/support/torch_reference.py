"""The judge: SegNet in PyTorch, and PyTorch's pooling indices in this project's array order.

Needs PyTorch. The arrays that the fast tests use were written from here by
`make_torch_fixtures.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

FULL_WIDTHS = (64, 128, 256, 512, 512)


def conv_block(in_channels: int, out_channels: int, convs: int) -> nn.Sequential:
    """`convs` times Conv2d 3x3, BatchNorm2d, ReLU; the first changes the number of channels."""
    layers: list[nn.Module] = []
    for _ in range(convs):
        layers += [
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        ]
        in_channels = out_channels
    return nn.Sequential(*layers)


class SegNet(nn.Module):
    """SegNet on VGG16's encoder, floor pooling, a 1x1 classifier.

    Parameter names: `enc1` .. `enc5`, `dec5` .. `dec1` (a Sequential each, three entries a
    convolution) and `final`.

    Args:
        num_classes: channels of the logits.
        widths: channels of the five encoder stages; decoder stage k ends in the channels of
            encoder stage k-1, the first in its own. The default is the full network.

    Call arguments:
        x: float `(batch, 3, height, width)`.

    Returns:
        logits `(batch, num_classes, height, width)`.
    """

    def __init__(self, num_classes: int = 12, widths: Sequence[int] = FULL_WIDTHS) -> None:
        super().__init__()
        w1, w2, w3, w4, w5 = widths
        self.enc1 = conv_block(3, w1, 2)
        self.enc2 = conv_block(w1, w2, 2)
        self.enc3 = conv_block(w2, w3, 3)
        self.enc4 = conv_block(w3, w4, 3)
        self.enc5 = conv_block(w4, w5, 3)
        self.pool = nn.MaxPool2d(2, stride=2, return_indices=True)
        self.dec5 = conv_block(w5, w4, 3)
        self.dec4 = conv_block(w4, w3, 3)
        self.dec3 = conv_block(w3, w2, 3)
        self.dec2 = conv_block(w2, w1, 2)
        self.dec1 = conv_block(w1, w1, 2)
        self.unpool = nn.MaxUnpool2d(2, stride=2)
        self.final = nn.Conv2d(w1, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        indices, sizes = [], []
        for encode in (self.enc1, self.enc2, self.enc3, self.enc4, self.enc5):
            x = encode(x)
            sizes.append(x.shape[2:])
            x, index = self.pool(x)
            indices.append(index)
        for decode in (self.dec5, self.dec4, self.dec3, self.dec2, self.dec1):
            x = decode(self.unpool(x, indices.pop(), output_size=sizes.pop()))
        return self.final(x)


def random_segnet(seed: int, num_classes: int = 12, widths: Sequence[int] = FULL_WIDTHS) -> SegNet:
    """A SegNet in inference mode whose every weight and statistic is random, as if trained.

    PyTorch's own initialisation leaves the BatchNorm statistics at 0 and 1, where swapped or
    forgotten ones are not seen. Here they are those of one random image, then shaken.
    """
    torch.manual_seed(seed)
    model = SegNet(num_classes, widths)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            # A tenth of the usual size, so that variances are near 0.01: Keras's default
            # epsilon 1e-3 in place of PyTorch's 1e-5 then changes the logits by far too much.
            nn.init.kaiming_normal_(module.weight, a=10.0)
            nn.init.normal_(module.bias, std=0.1)
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.3)
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.randn(1, 3, 64, 64))
        for norm in norms:
            norm.momentum = 0.1
            norm.running_mean += 0.3 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.5, 2.0)
    return model.eval()


def logits(model: SegNet, images: np.ndarray) -> np.ndarray:
    """Runs the model on NHWC images.

    Args:
        images: `(batch, height, width, 3)`, normalized, in the dtype of the model.

    Returns:
        `(batch, height, width, classes)`.
    """
    with torch.inference_mode():
        return model(to_torch(images)).numpy().transpose(0, 2, 3, 1)


def smallest_gap(model: SegNet, images: np.ndarray) -> float:
    """The smallest difference of the two largest values of a window, in all pooling levels.

    Where it is near float32's rounding, two correct programs may pick different positions.
    Windows of equal values, such as the all-zero ones, have a rule and are left out.

    Args:
        images: as for `logits`.
    """
    gaps = []

    def record(_, inputs: tuple[torch.Tensor]) -> None:
        windows = nn.functional.unfold(inputs[0].flatten(0, 1)[:, None], 2, stride=2)
        first, second = windows.topk(2, dim=1).values.unbind(1)
        gaps.append((first - second)[first > second].min().item())

    hook = model.pool.register_forward_pre_hook(record)
    logits(model, images)
    hook.remove()
    return min(gaps)


def to_torch(array: np.ndarray) -> torch.Tensor:
    """NHWC array to NCHW tensor, a copy."""
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))


def to_nhwc(tensor: torch.Tensor) -> np.ndarray:
    """NCHW tensor to NHWC array."""
    return np.ascontiguousarray(tensor.detach().numpy().transpose(0, 2, 3, 1))


@dataclass(frozen=True)
class PoolingResult:
    """What PyTorch says of one array; all NHWC.

    `plane_index` is PyTorch's index, int64 `y * width + x` within the plane of one channel;
    `unpooled` puts `values` (not the pooled ones) back; `gradient` is that of
    `sum(unpool(pool(x)) * weights)` with respect to `x`.
    """

    pooled: np.ndarray
    plane_index: np.ndarray
    unpooled: np.ndarray
    gradient: np.ndarray


def pool_and_unpool(
    x: np.ndarray, values: np.ndarray, weights: np.ndarray, *, ceil: bool
) -> PoolingResult:
    """Runs `MaxPool2d(2, 2, return_indices=True)` and `MaxUnpool2d(2, 2)` with `output_size`.

    Args:
        x: float `(batch, height, width, channels)`.
        values: float of the pooled shape, to be unpooled with the indices of `x`.
        weights: float of the shape of `x`, which make a number of the unpooled map.
        ceil: keep an incomplete last window, as `padding="same"`.
    """
    pool = nn.MaxPool2d(2, 2, return_indices=True, ceil_mode=ceil)
    unpool = nn.MaxUnpool2d(2, 2)
    source = to_torch(x).requires_grad_()
    size = source.shape[2:]
    pooled, index = pool(source)
    (unpool(pooled, index, output_size=size) * to_torch(weights)).sum().backward()
    unpooled = unpool(to_torch(values), index, output_size=size)
    return PoolingResult(*map(to_nhwc, (pooled, index, unpooled, source.grad)))
