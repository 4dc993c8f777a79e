"""The judge: EfficientNet-Lite0's encoder in PyTorch, pooled where it would stride."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

HALVING_BLOCKS = (1, 3, 5, 11)


def features(path: str, image: np.ndarray) -> np.ndarray:
    """The last block's output `(batch, h, w, 320)` for RGB 0..255 `(batch, H, W, 3)`.

    Args:
        path: the package's .pth.
        image: float32.
    """
    state = torch.load(path, weights_only=True)

    def norm(x, name):
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return F.batch_norm(
            x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-3
        )

    x = torch.from_numpy((image - 127) / 128).permute(0, 3, 1, 2)
    x = F.max_pool2d(F.relu6(norm(F.conv2d(x, state["_conv_stem.weight"], padding=1), "_bn0")), 2)
    for number in range(16):
        block = f"_blocks.{number}."
        if number in HALVING_BLOCKS:
            x = F.max_pool2d(x, 2)
        before = x
        if f"{block}_expand_conv.weight" in state:
            x = F.relu6(norm(F.conv2d(x, state[f"{block}_expand_conv.weight"]), f"{block}_bn0"))
        kernel = state[f"{block}_depthwise_conv.weight"]
        x = F.conv2d(x, kernel, padding=kernel.shape[-1] // 2, groups=kernel.shape[0])
        x = F.relu6(norm(x, f"{block}_bn1"))
        x = norm(F.conv2d(x, state[f"{block}_project_conv.weight"]), f"{block}_bn2")
        x = x + before if x.shape == before.shape else x
    return x.permute(0, 2, 3, 1).numpy()
