"""The two Vulkan drivers that compute on the CPU: what is kept of them, and where."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from segnet_tf.system import places

FETCH = "make runtimes-gpu"


@dataclass(frozen=True)
class Driver:
    """A Vulkan driver that computes on the CPU.

    Attributes:
        name: also that of its folder.
        adapter: what the GPU delegate's log calls it.
        icd: the file that the Vulkan loader reads.
        files: all that is kept, `icd` and the loader included.
    """

    name: str
    adapter: str
    icd: str
    files: tuple[str, ...]


_LOADER = "libvulkan.so.1"
SWIFTSHADER = Driver(
    "swiftshader",
    "SwiftShader",
    "vk_swiftshader_icd.json",
    ("vk_swiftshader_icd.json", "libvk_swiftshader.so", _LOADER),
)
LAVAPIPE = Driver(
    "lavapipe",
    "llvmpipe",
    "lvp_icd.json",
    ("lvp_icd.json", "libvulkan_lvp.so", "libdrm.so.2", _LOADER),
)
DRIVERS = (SWIFTSHADER, LAVAPIPE)


def room() -> Path:
    """The folder of all drivers."""
    return places.runtimes() / "gpu"


def unavailable(driver: Driver) -> str | None:
    """Why a driver cannot be used here and the command that helps; `None` if it can."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return (
            f"the GPU runtimes need Linux on x86-64, this is {sys.platform} on {platform.machine()}"
        )
    if all((room() / driver.name / name).is_file() for name in driver.files):
        return None
    return f"the Vulkan driver {driver.name} is missing: {FETCH}"


def environment(driver: Driver) -> dict[str, str]:
    """The variables with which a process must start to run on `driver`."""
    home = room() / driver.name
    libraries = [str(home), os.environ.get("LD_LIBRARY_PATH", "")]
    return {
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
        # The loader's old name for it and the new one, which wins where both are set.
        "VK_ICD_FILENAMES": str(home / driver.icd),
        "VK_DRIVER_FILES": str(home / driver.icd),
        # Compiled once: 20 s for a small SegNet. Its own place is the user's home.
        "MESA_SHADER_CACHE_DIR": str(room() / "shaders"),
        "MESA_SHADER_CACHE_MAX_SIZE": "200M",
    }
