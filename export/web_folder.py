"""Puts the page, its models and LiteRT.js into one folder that any web server can serve.

FOLDER/manifest.json, *.tflite, ...    as in `android_demo_assets/`
FOLDER/web/                            the page
FOLDER/web/litert/                     LiteRT.js
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from segnet_tf.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "android_demo_assets"
PAGE = ASSETS / "web"
# `make web` fetches LiteRT.js alone; `make runtimes-browser` has it too.
LITERTJS = (ROOT / ".runtimes" / "litertjs", ROOT / ".runtimes" / "browser")

# Browsers know no bare names in a worker, so the one that LiteRT.js imports becomes a path.
_BARE, _PATH = '"@litertjs/wasm-utils"', '"./wasm-utils.js"'


def find_litertjs() -> Path:
    """Where LiteRT.js is.

    Raises:
        UserError: it was not fetched.
    """
    for folder in LITERTJS:
        if (folder / ".ready").is_file():
            return folder / "node_modules" / "@litertjs"
    raise UserError("LiteRT.js was not found. Fetch it with: make web (38 MB)")


def assemble(output: Path, assets: Path = ASSETS, litertjs: Path | None = None) -> Path:
    """Writes the folder anew.

    Args:
        output: the folder; its `web/litert` is kept if it is of the same version, being large.
        assets: with manifest.json and the files that it names.
        litertjs: the folder with `core` and `wasm-utils`; `None` looks for it.

    Returns:
        `output`.

    Raises:
        UserError: something is missing, or `output` holds anything else.
    """
    litertjs = litertjs or find_litertjs()
    names = listed_files(assets)
    if output.exists() and any(output.iterdir()) and not (output / "web").is_dir():
        raise UserError(
            f"`output` must be a new folder or an earlier one of this command. Received: {output}. "
            "Name another with --output."
        )
    output.mkdir(parents=True, exist_ok=True)
    for path in output.iterdir():
        if path.is_file():
            path.unlink()
    for name in ("manifest.json", *names):
        shutil.copyfile(assets / name, output / name)
    shutil.copytree(PAGE, output / "web", dirs_exist_ok=True)
    _copy_litertjs(litertjs, output / "web" / "litert")
    return output


def listed_files(assets: Path) -> list[str]:
    """The names of the files that the page loads, out of manifest.json.

    Raises:
        UserError: there is no manifest, it isn't one, or a file that it names is missing.
    """
    way_out = "Write them with: make android-assets"
    try:
        manifest = json.loads((assets / "manifest.json").read_text("utf-8"))
        names = [model["file"] for model in manifest["models"]]
        sample = manifest.get("sample") or {}
        names += [sample[name] for name in ("image", "mask") if name in sample]
    except FileNotFoundError:
        raise UserError(
            f"`assets` must hold manifest.json. Received: {assets}. {way_out}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            "`manifest.json` must list `models`, each with its `file`. "
            f"Received: one without ({type(error).__name__}: {error}). {way_out}"
        ) from None
    for name in names:
        if Path(name).name != name or not (assets / name).is_file():
            raise UserError(
                f"`manifest.json` must name files beside it. Received: {name!r}. {way_out}"
            )
    return names


def _copy_litertjs(litertjs: Path, target: Path) -> None:
    package = litertjs / "core" / "package.json"  # names the version
    copied = target / package.name
    if copied.is_file() and copied.read_bytes() == package.read_bytes():
        return
    partial = target.with_name("litert.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(litertjs / "core" / "wasm", partial)
    source = (litertjs / "core" / "dist" / "index.js").read_text("utf-8")
    if source.count(_BARE) != 1:
        raise UserError(
            f"LiteRT.js must import {_BARE} once. Received: one that does so "
            f"{source.count(_BARE)} times. Take the version of export/devices/package.json."
        )
    (partial / "index.js").write_text(source.replace(_BARE, _PATH), "utf-8")
    shutil.copyfile(litertjs / "wasm-utils" / "dist" / "index.js", partial / "wasm-utils.js")
    shutil.copyfile(package, partial / package.name)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
