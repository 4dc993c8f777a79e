"""Fetches the two Vulkan drivers that compute on the CPU: 43 MB to load, 17 MB kept.

    python -m export.fetch_gpu_drivers

It takes them out of Debian's packages, with apt-get and dpkg-deb, into a folder of this checkout.
Nothing is installed, no root is needed, and the system's own package lists stay as they are.
Where the system lacks LLVM 15 or other libraries that lavapipe loads, up to 42 MB more are loaded
for it and 178 MB more are kept.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import gpu_drivers

# SwiftShader and the Vulkan loader come with Chromium. Bookworm's own lavapipe, 22.3, is too old
# for the delegate.
_PACKAGES = (
    "chromium-common",
    "mesa-vulkan-drivers/bookworm-backports",
    "libdrm2/bookworm-backports",
)

# What lavapipe loads and a small system may lack, kept beside it where that is so.
_LIBRARIES = {
    "libLLVM-15.so.1": "libllvm15",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libXau.so.6": "libxau6",
    "libXdmcp.so.6": "libxdmcp6",
    "libbsd.so.0": "libbsd0",
    "libedit.so.2": "libedit2",
    "libexpat.so.1": "libexpat1",
    "libffi.so.8": "libffi8",
    "libicudata.so.72": "libicu72",
    "libicuuc.so.72": "libicu72",
    "liblzma.so.5": "liblzma5",
    "libmd.so.0": "libmd0",
    "libtinfo.so.6": "libtinfo6",
    "libwayland-client.so.0": "libwayland-client0",
    "libxcb-dri3.so.0": "libxcb-dri3-0",
    "libxcb-present.so.0": "libxcb-present0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb.so.1": "libxcb1",
    "libxml2.so.2": "libxml2",
    "libxshmfence.so.1": "libxshmfence1",
    "libz.so.1": "zlib1g",
    "libz3.so.4": "libz3-4",
    "libzstd.so.1": "libzstd1",
}

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# One suite on every system, so that every system runs the same driver.
_SOURCES = "".join(
    f"deb [signed-by={_KEYRING}] http://deb.debian.org/{archive} {suite} main\n"
    for archive, suite in (
        ("debian", "bookworm"),
        ("debian", "bookworm-backports"),
        ("debian-security", "bookworm-security"),
    )
)
_GLIBC = (2, 36)  # bookworm's


def fetch(say: Callable[[str], None] = print) -> Path:
    """Fetches both drivers unless they are there, whole or not at all.

    Args:
        say: takes each line of progress.

    Returns:
        Their folder.

    Raises:
        UserError: this is no system that runs Debian's packages, or they cannot be fetched.
    """
    room = gpu_drivers.room()
    if not any(gpu_drivers.unavailable(driver) for driver in gpu_drivers.DRIVERS):
        say(f"GPU drivers: there already, {_megabytes():.0f} MB in {room}")
        return room
    _check_system()
    room.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=room) as name:
        work = Path(name)
        apt = _apt(work)
        say("GPU drivers: reading Debian's package lists, 10 MB")
        _call([*apt, "update"], work)
        tree = _unpack(apt, work, _PACKAGES, say)
        for driver in gpu_drivers.DRIVERS:
            kept = work / driver.name
            kept.mkdir()
            _keep(tree, driver.files, kept)
            while missing := _missing(kept):
                if unknown := sorted(missing - set(_LIBRARIES)):
                    raise UserError(
                        f"`system` must have the libraries that {driver.name} loads. "
                        f"Received: no {', '.join(unknown)}. Install it."
                    )
                say(f"  {driver.name} also needs {', '.join(sorted(missing))}")
                packages = sorted({_LIBRARIES[library] for library in missing})
                _keep(_unpack(apt, work, packages, say), sorted(missing), kept)
        for driver in gpu_drivers.DRIVERS:
            shutil.rmtree(room / driver.name, ignore_errors=True)
            (work / driver.name).rename(room / driver.name)
    say(f"GPU drivers: {_megabytes():.0f} MB kept in {room}")
    return room


def _check_system() -> None:
    version = re.search(r"(\d+)\.(\d+)$", platform.libc_ver()[1])
    tools = [tool for tool in ("apt-get", "dpkg-deb", "ldd") if not shutil.which(tool)]
    lacks = None
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        lacks = f"{sys.platform} on {platform.machine()}"
    elif tools:
        lacks = f"one without {', '.join(tools)}"
    elif not version or (int(version[1]), int(version[2])) < _GLIBC:
        lacks = f"one with {' '.join(platform.libc_ver()) or 'another C library'}"
    elif not _KEYRING.is_file():
        lacks = f"one without {_KEYRING} (package debian-archive-keyring)"
    if lacks:
        raise UserError(
            "`system` must run packages of Debian 12: Linux on x86-64, apt, glibc 2.36 or later. "
            f"Received: {lacks}. Run this in a container of Debian 12."
        )


def _apt(work: Path) -> list[str]:
    """apt-get with lists of its own: the system's may be missing, and must stay as they are."""
    (work / "sources.list").write_text(_SOURCES, "utf-8")
    for part in ("lists/partial", "cache/archives/partial"):
        (work / part).mkdir(parents=True)
    options = {
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",  # else a list that cannot be loaded is only a warning
        "APT::Sandbox::User": "root",  # else root's apt-get loads as a user who may not write here
    }
    return ["apt-get", "-q", *(f"-o{key}={value}" for key, value in options.items())]


def _unpack(
    apt: list[str], work: Path, packages: Iterable[str], say: Callable[[str], None]
) -> Path:
    """Downloads `packages`, and the folder with what is in them."""
    place = Path(tempfile.mkdtemp(dir=work))
    _call([*apt, "download", *packages], place)
    for archive in sorted(place.glob("*.deb")):
        say(f"  {archive.stat().st_size / 1e6:5.1f} MB {archive.name}")
        _call(["dpkg-deb", "-x", str(archive), "tree"], place)
    return place / "tree"


def _keep(tree: Path, names: Iterable[str], kept: Path) -> None:
    for name in names:
        found = next(tree.rglob(name), None)
        if found is None:
            raise UserError(
                f"`packages` must hold {name}. Received: ones that do not. "
                "Debian has moved it: name its package in export/fetch_gpu_drivers.py."
            )
        shutil.copyfile(found, kept / name)


def _missing(kept: Path) -> set[str]:
    """Libraries that the kept ones load and this system does not have."""
    libraries = [str(path) for path in kept.glob("*.so*")]
    said = _call(["ldd", *libraries], kept, LD_LIBRARY_PATH=str(kept))
    return set(re.findall(r"^\s*(\S+) => not found", said, re.MULTILINE))


def _call(command: list[str], where: Path, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=where,
        env={**os.environ, "LC_ALL": "C", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise UserError(
            f"`{command[0]}` must be able to fetch and unpack Debian's packages. "
            f"Received: {lines[0]} Correct that, then run it again."
        )
    return done.stdout


def _megabytes() -> float:
    room = gpu_drivers.room()
    drivers = (room / driver.name for driver in gpu_drivers.DRIVERS)
    return sum(path.stat().st_size for driver in drivers for path in driver.iterdir()) / 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command; it has no options."""
    parser.description = "Fetch two Vulkan drivers that compute on the CPU: 43 MB, 17 MB kept."
    parser.epilog = "example:\n  python -m export.fetch_gpu_drivers"


def run(_: argparse.Namespace) -> int:
    """Fetches both."""
    fetch()
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 if it cannot be done here."""
    return command.main("fetch_gpu_drivers", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
