"""The folder that `make web` puts together, and the server, without a browser."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading

import pytest

from export import serve_web, web_folder
from segnet_tf.errors import UserError
from segnet_tf.system import owned_files


@pytest.fixture
def litertjs(tmp_path):
    """What npm makes of the two packages, as far as it is read."""
    packages = tmp_path / "packages"
    for name, content in {
        "core/package.json": '{"version": "2.5.3"}',
        "core/dist/index.js": 'import { createWasmLib } from "@litertjs/wasm-utils";',
        "core/wasm/litert_wasm_internal.wasm": "wasm",
        "wasm-utils/dist/index.js": "export {}",
    }.items():
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(content, "utf-8")
    return packages


@pytest.fixture
def assets(tmp_path):
    folder = tmp_path / "assets"
    folder.mkdir()
    manifest = {
        "models": [{"file": "small.tflite"}],
        "sample": {"image": "sample.png", "mask": "mask.png", "drawn_by": "hand"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    for name in ("small.tflite", "sample.png", "mask.png"):
        (folder / name).write_text(name, "utf-8")
    return folder


@pytest.fixture
def site(assets, litertjs, tmp_path):
    return web_folder.assemble(tmp_path / "site", assets, litertjs)


@pytest.fixture
def connection(site):
    server = serve_web.open_server(site, port=0)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    yield http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    server.shutdown()
    server.server_close()


def test_folder_holds_all_and_only_what_the_manifest_names(assets, litertjs, site):
    (assets / "unlisted.tflite").touch()
    manifest = json.loads((assets / "manifest.json").read_text("utf-8"))
    manifest["models"].append({"file": "older.tflite"})
    (assets / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (assets / "older.tflite").touch()
    web_folder.assemble(site, assets, litertjs)
    assert (site / "older.tflite").exists()
    manifest["models"].pop()
    (assets / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    web_folder.assemble(site, assets, litertjs)
    files = {path.name for path in site.iterdir() if path.is_file()}
    assert files == {"manifest.json", "small.tflite", "sample.png", "mask.png", web_folder.MARKER}
    assert {"index.html", "app.js", "sw.js"} <= {path.name for path in (site / "web").iterdir()}
    # Workers resolve no bare names.
    imported = (site / "web/litert/index.js").read_text("utf-8")
    assert imported == 'import { createWasmLib } from "./wasm-utils.js";'
    assert (site / "web/litert/wasm-utils.js").read_text("utf-8") == "export {}"


def test_another_version_of_litertjs_replaces_the_older(assets, litertjs, site):
    wasm = site / "web/litert/litert_wasm_internal.wasm"
    before = wasm.stat().st_mtime_ns
    web_folder.assemble(site, assets, litertjs)
    assert wasm.stat().st_mtime_ns == before  # it is large, and the same
    (litertjs / "core/wasm/litert_wasm_internal.wasm").rename(litertjs / "core/wasm/new.wasm")
    (litertjs / "core/package.json").write_text('{"version": "2.6"}', "utf-8")
    web_folder.assemble(site, assets, litertjs)
    assert not wasm.exists() and (site / "web/litert/new.wasm").read_text("utf-8") == "wasm"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "must hold manifest.json"),
        ("not JSON", "must list `models`"),
        ('{"models": [{}]}', "must list `models`"),
        ('{"models": [{"file": "none.tflite"}]}', "Received: 'none.tflite'"),
        ('{"models": [{"file": "../assets/small.tflite"}]}', "must name files beside it"),
    ],
)
def test_bad_manifest(assets, litertjs, tmp_path, content, words):
    path = assets / "manifest.json"
    path.write_text(content, "utf-8") if content else path.unlink()
    with pytest.raises(UserError, match=words) as caught:
        web_folder.assemble(tmp_path / "site", assets, litertjs)
    assert "make android-assets" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("name", ["letter.txt", "web/index.html"])
def test_folder_of_something_else_is_left_alone(name, assets, litertjs, tmp_path):
    (tmp_path / "mine" / name).parent.mkdir(parents=True)
    (tmp_path / "mine" / name).write_text("mine")
    with pytest.raises(UserError, match="must be a new folder"):
        web_folder.assemble(tmp_path / "mine", assets, litertjs)
    assert files_in(tmp_path / "mine") == {name}
    assert (tmp_path / "mine" / name).read_text() == "mine"


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_files_of_the_user_in_the_folder_stay(assets, litertjs, site):
    for name in ("letter.txt", "web/mine.js"):
        (site / name).write_text("mine")
    web_folder.assemble(site, assets, litertjs)
    assert {"letter.txt", "web/mine.js"} <= files_in(site)


@pytest.mark.parametrize("name", ["assets", ".", "assets/site", "link", "packages", "packages/x"])
def test_the_output_is_not_where_the_files_come_from(name, assets, litertjs, tmp_path):
    (tmp_path / "link").symlink_to("assets")
    (tmp_path / web_folder.MARKER).write_text('{"files": {}}')
    (assets / web_folder.MARKER).write_text('{"files": {"small.tflite": "0"}}')
    before = files_in(tmp_path)
    with pytest.raises(UserError, match="`output` must not be"):
        web_folder.assemble(tmp_path / name, assets, litertjs)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("content", ["", "[]", '{"files": 3}', '{"files": {"../x": "0"}}'])
def test_a_marker_that_is_none_of_ours(content, assets, litertjs, tmp_path):
    (tmp_path / "x").write_text("mine")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / web_folder.MARKER).write_text(content)
    with pytest.raises(UserError):
        web_folder.assemble(tmp_path / "site", assets, litertjs)
    assert (tmp_path / "x").read_text() == "mine"
    assert files_in(tmp_path / "site") == {web_folder.MARKER}


def test_a_first_call_that_was_killed_is_ended_by_the_next(assets, litertjs, tmp_path, monkeypatch):
    def killed(*arguments):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(owned_files, "remove", killed)
        with pytest.raises(SystemExit):
            web_folder.assemble(tmp_path / "site", assets, litertjs)
    (tmp_path / "site" / web_folder.MARKER).unlink()  # it gets its name last
    web_folder.assemble(tmp_path / "site", assets, litertjs)
    assert owned_files.UNFINISHED not in files_in(tmp_path / "site")


def test_missing_litertjs_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(web_folder, "LITERTJS", (tmp_path,))
    with pytest.raises(UserError, match="make web"):
        web_folder.find_litertjs()
    assert "\nweb:" in (web_folder.ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/web/", "text/html; charset=utf-8"),
        ("/web/app.js", "text/javascript; charset=utf-8"),
        ("/web/litert/litert_wasm_internal.wasm", "application/wasm"),
        ("/small.tflite", "application/octet-stream"),
    ],
)
def test_types_and_headers(connection, path, kind):
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 200 and response.headers["Content-Type"] == kind
    # The two that threads in wasm need.
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_root_leads_to_the_page_with_its_options(connection):
    connection.request("GET", "/?accelerator=wasm")
    response = connection.getresponse()
    assert response.status == 302
    assert response.headers["Location"] == "/web/?accelerator=wasm"


def test_nothing_outside_the_folder(connection, assets):
    connection.request("GET", "/../assets/manifest.json")
    assert connection.getresponse().status == 404


def test_ports(site, monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"`port` must be free .* Received: {port}"):
            serve_web.open_server(site, port=port)
        monkeypatch.setattr(serve_web, "PORT", port)
        server = serve_web.open_server(site)  # the usual one is taken: any free one
        assert server.server_address[1] not in (0, port)
        server.server_close()
    with pytest.raises(UserError, match="Received: 70000"):
        serve_web.open_server(site, port=70000)


def test_https(site, pem_files):
    server = serve_web.open_server(site, port=0, **pem_files)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    port = server.server_address[1]
    try:
        # One that connects and says nothing must not keep the next one waiting.
        with socket.create_connection(("127.0.0.1", port)):
            trusted = ssl.create_default_context(cafile=pem_files["certificate"])
            connection = http.client.HTTPSConnection("localhost", port, context=trusted, timeout=20)
            connection.request("GET", "/web/")
            assert connection.getresponse().status == 200
            connection.close()
    finally:
        server.shutdown()
        server.server_close()


def test_bad_certificate(site, tmp_path):
    with pytest.raises(UserError, match="`certificate` must be a PEM file"):
        serve_web.open_server(site, port=0, certificate=tmp_path / "none.pem")


def test_command_line_says_it_in_one_line(tmp_path, capsys):
    arguments = ["--assets", str(tmp_path / "none"), "--output", str(tmp_path / "site")]
    assert serve_web.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("serve_web: ") and said.count("\n") == 1
