"""The HTTP server of the page: files of one folder, and whatever a client sends, little else.

It trusts no client. A browser on the same machine sends what any open page wants it to.
"""

from __future__ import annotations

import functools
import http.server
import io
import ipaddress
import os
import posixpath
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from collections.abc import Collection
from pathlib import Path
from typing import Any

# A browser opens six connections to a host.
LARGEST_THREADS = 32
# For a whole request, however slowly it comes, and for each part of an answer.
SECONDS = 20.0

# 'wasm-unsafe-eval' lets LiteRT.js compile its module, and nothing else.
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; worker-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    # With these two a page may have threads that share memory.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # the browser asks each time
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Patient(io.RawIOBase):
    """What a client sends, up to a time that each request sets anew."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.until = time.monotonic() + SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self.connection.settimeout(left)
        try:
            return self.connection.recv_into(buffer)
        finally:
            self.connection.settimeout(SECONDS)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files with the headers that the page needs; `/` leads to it."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "segnet_tf", ""
    timeout = SECONDS
    # Not the system's list of types: browsers refuse module scripts and wasm of another type.
    extensions_map = {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".png": "image/png",
        ".svg": "image/svg+xml",
        ".txt": "text/plain; charset=utf-8",
        ".wasm": "application/wasm",
        "": "application/octet-stream",
    }

    def setup(self) -> None:
        super().setup()
        self._patient = _Patient(self.connection)
        self.rfile = io.BufferedReader(self._patient)

    def handle_one_request(self) -> None:
        self._patient.until = time.monotonic() + SECONDS
        super().handle_one_request()

    def version_string(self) -> str:
        return self.server_version

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def do_GET(self) -> None:
        if self._is_meant_for_us():
            super().do_GET()

    def do_HEAD(self) -> None:
        if self._is_meant_for_us():
            super().do_HEAD()

    def _is_meant_for_us(self) -> bool:
        """Whether to answer; if not, an answer has been sent."""
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            # Its rest would be read as the next request.
            self.close_connection = True
        if not self.server.knows(self.headers.get_all("Host", [])):
            # A foreign name that leads here: its page would count as this one.
            self.close_connection = True
            self.send_error(421)
            return False
        if self.path.split("?")[0] == "/":
            self.send_response(302)
            self.send_header("Location", "/web/" + self.path[1:])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        if self._file() is None:
            self.send_error(404)
            return False
        return True

    def _file(self) -> Path | None:
        """The file that the path names: a plain one in the folder, with no link out of it."""
        path = urllib.parse.unquote(self.path.split("?")[0].split("#")[0], errors="replace")
        parts = posixpath.normpath(path).strip("/").split("/")
        if any(part.startswith(".") or not part.isprintable() or "\\" in part for part in parts):
            return None
        try:
            file = self.server.folder.joinpath(*parts)
            page = (file / "index.html" if file.is_dir() else file).resolve()
            if not (page.is_relative_to(self.server.folder) and page.is_file()):
                return None
            if file.is_dir() and not path.endswith("/"):
                return file  # what is inherited leads to the same with a slash
            return None if path.endswith("/") and not file.is_dir() else page
        except (OSError, ValueError):  # a name that is too long
            return None

    def translate_path(self, path: str) -> str:
        """The file that `_file` has found."""
        return str(self._file())

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """No folder is listed."""
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal shows the address."""


class PageServer(http.server.ThreadingHTTPServer):
    """Serves a folder.

    Args:
        address: host and port to listen at.
        folder: with the files.
        names: of this machine that a client may use, beside its addresses and "localhost".
    """

    daemon_threads = True
    block_on_close = False
    # Of the usual 5 many at once would wait seconds to connect.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], folder: Path, names: Collection[str] = ()) -> None:
        self.folder = folder.resolve()
        self._names = {"localhost", address[0].lower(), *(name.lower() for name in names)}
        self._places = threading.Semaphore(LARGEST_THREADS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, functools.partial(Handler, directory=str(self.folder)))

    def knows(self, hosts: list[str]) -> bool:
        """Whether the Host of a request is one of this machine.

        Any address is: it is a name that somebody else can let lead here, by DNS.
        """
        if len(hosts) != 1:
            return False
        host = hosts[0].strip().lower()
        name = host[1 : host.index("]")] if host[:1] == "[" and "]" in host else host.split(":")[0]
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread, if one is left."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """In that thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that go away, that stall or that do not speak TLS."""
        error = sys.exception()
        if not isinstance(error, (OSError, ssl.SSLError)):
            print(f"a request failed: {type(error).__name__}", file=sys.stderr)
