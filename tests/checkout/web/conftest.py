"""The page with small files, ready to be served."""

from __future__ import annotations

import json

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
