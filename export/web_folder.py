"""Puts the page, its models and LiteRT.js into one folder that any web server can serve.

FOLDER/manifest.json, *.tflite, ...    as in `android_demo_assets/`
FOLDER/web/                            the page
FOLDER/web/litert/                     LiteRT.js
FOLDER/.segnet_tf-web.json             what of that was written, and nothing else is removed
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from segnet_tf.errors import UserError
from segnet_tf.system.json_files import read_json
from segnet_tf.system.outputs import is_unused
from segnet_tf.system.owned_files import UNFINISHED, replace_owned

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "android_demo_assets"
PAGE = ASSETS / "web"
# `make web` fetches LiteRT.js alone; `make runtimes-browser` has it too.
LITERTJS = (ROOT / ".runtimes" / "litertjs", ROOT / ".runtimes" / "browser")

MARKER = ".segnet_tf-web.json"
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
    """Writes the folder anew. Files of the user in it stay.

    Args:
        output: the folder, made if missing.
        assets: with manifest.json and the files that it names.
        litertjs: the folder with `core` and `wasm-utils`; `None` looks for it.

    Returns:
        `output`.

    Raises:
        UserError: something is missing, `output` holds anything else, or it is where the files
            come from.
    """
    litertjs = litertjs or find_litertjs()
    names = listed_files(assets)
    _check_place(output, (assets, PAGE, litertjs))
    earlier = _earlier(output)
    files: dict[str, bytes | Path] = {name: assets / name for name in ("manifest.json", *names)}
    files |= _tree(PAGE, "web") | _litertjs_files(litertjs)
    digests = {
        name: hashlib.sha256(
            content if isinstance(content, bytes) else content.read_bytes()
        ).hexdigest()
        for name, content in files.items()
    }
    # The marker comes first in the list, so it gets its name last.
    marker = json.dumps({"files": digests}, indent=2).encode()
    replace_owned(output, {MARKER: marker, **files}, earlier)
    return output


def _check_place(output: Path, sources: tuple[Path, ...]) -> None:
    """Raises UserError if a folder is one that files are read from, in one, or holds one."""
    here = output.resolve()
    for source in (path.resolve() for path in sources):
        if here.is_relative_to(source) or source.is_relative_to(here):
            raise UserError(
                "`output` must not be the folder that files are taken from, nor in it or above "
                f"it. Received: {output} for {source}. Name another with --output."
            )


def _earlier(output: Path) -> dict[str, str]:
    """Name -> SHA-256 of what an earlier call has written.

    Raises:
        UserError: the folder holds something else.
    """
    if (output / MARKER).exists():
        files = read_json(output / MARKER).get("files")
        if not isinstance(files, dict):
            raise UserError(
                f"`output` must be a folder of this command. Received: {output}, whose {MARKER} "
                "lists no files. Remove the folder or name another with --output."
            )
        return {MARKER: "", **{name: str(digest) for name, digest in files.items()}}
    # Of a first call that was killed: what it has written is listed there.
    is_unfinished = (output / UNFINISHED).is_file()
    if not is_unfinished and output.exists() and not is_unused(output):
        raise UserError(
            f"`output` must be a new folder or an earlier one of this command, with its {MARKER}. "
            f"Received: {output}. Name another with --output."
        )
    return {}


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


def _tree(folder: Path, prefix: str) -> dict[str, bytes | Path]:
    """The files below a folder, by their names below `prefix`."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {f"{prefix}/{path.relative_to(folder).as_posix()}": path for path in files}


def _litertjs_files(litertjs: Path) -> dict[str, bytes | Path]:
    target = "web/litert"
    source = (litertjs / "core" / "dist" / "index.js").read_text("utf-8")
    if source.count(_BARE) != 1:
        raise UserError(
            f"LiteRT.js must import {_BARE} once. Received: one that does so "
            f"{source.count(_BARE)} times. Take the version of export/devices/package.json."
        )
    return {
        **_tree(litertjs / "core" / "wasm", target),
        f"{target}/index.js": source.replace(_BARE, _PATH).encode(),
        f"{target}/wasm-utils.js": litertjs / "wasm-utils" / "dist" / "index.js",
        f"{target}/package.json": litertjs / "core" / "package.json",  # names the version
    }
