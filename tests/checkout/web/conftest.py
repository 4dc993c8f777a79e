"""The page with small files, ready to be served."""

from __future__ import annotations

import json
import shutil
import subprocess

import page_assets
import pytest

from export import web_folder
from segnet_tf.export.runtimes import browser

SIZE = (96, 128)


@pytest.fixture(scope="session")
def assets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    page_assets.write(folder, SIZE)
    return folder


@pytest.fixture(scope="session")
def manifest(assets):
    return json.loads((assets / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def site(assets, tmp_path_factory):
    if missing := browser.unavailable():
        pytest.skip(missing)
    return web_folder.assemble(tmp_path_factory.mktemp("site") / "web", assets)


@pytest.fixture
def pem_files(tmp_path):
    """`certificate` and `key` of a server on localhost, as files."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl to make a certificate")
    files = {name: tmp_path / f"{name}.pem" for name in ("certificate", "key")}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        + ["-keyout", files["key"], "-out", files["certificate"]],
        check=True,
        capture_output=True,
    )
    return files
