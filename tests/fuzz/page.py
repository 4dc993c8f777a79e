"""The page's server, and one client of it."""

from __future__ import annotations

import functools
import socket
import threading
from pathlib import Path

from export import page_server, serve_web

SECRET = b"nobody's business"
_ALLOWED = {b"200", b"206", b"301", b"302", b"304", b"400", b"404", b"405", b"408", b"413", b"414"}
_ALLOWED |= {b"417", b"421", b"431", b"501", b"505", b"100"}


@functools.cache
def _port() -> int:
    page_server.SECONDS = 2.0
    Path("secret.txt").write_bytes(SECRET)
    web = Path("site/web")
    web.mkdir(parents=True)
    for name in ("index.html", "app.js"):
        (web / name).write_bytes(b"a page")
    (web / "link.txt").symlink_to(Path("secret.txt").resolve())
    server = serve_web.open_server(Path("site"), port=0)
    server.handle_error = _broken  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    return server.server_address[1]


_faults: list[str] = []


def _broken(request: object, client: object) -> None:
    import sys

    error = sys.exception()
    if not isinstance(error, OSError):
        _faults.append(repr(error))


def answer(content: bytes) -> bytes:
    """What the server sends for some bytes, and then nothing more of the client."""
    with socket.create_connection(("127.0.0.1", _port()), timeout=5) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        try:
            while more := connection.recv(65536):
                found += more
        except ConnectionResetError:
            pass
    if _faults:
        raise AssertionError(_faults.pop())
    if SECRET in found:
        raise AssertionError("a file outside the folder")
    if found.startswith(b"HTTP/") and found.split(b" ", 2)[1] not in _ALLOWED:
        raise AssertionError(found[:60])
    return found
