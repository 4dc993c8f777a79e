"""What the page's server answers to requests that no browser of its user would send."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time

import pytest

from export import page_server, serve_web


@pytest.fixture
def folder(tmp_path):
    site = tmp_path / "site"
    (site / "web" / "litert").mkdir(parents=True)
    for name in ("web/index.html", "web/app.js", "web/litert/index.js", "model.tflite"):
        (site / name).write_text(f"this is {name}", "utf-8")
    (site / ".marker.json").write_text("secret", "utf-8")
    (tmp_path / "outside.txt").write_text("secret", "utf-8")
    (site / "link.txt").symlink_to(tmp_path / "outside.txt")
    (site / "inner.txt").symlink_to(site / "model.tflite")
    (site / "up").symlink_to(tmp_path)
    os.mkfifo(site / "pipe.txt")
    return site


@pytest.fixture
def port(folder):
    with running(folder) as number:
        yield number


class running:
    """A server in a thread."""

    def __init__(self, folder, **options):
        self.server = serve_web.open_server(folder, port=0, **options)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()
        return self.server.server_address[1]

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def ask(port, request, host="localhost", method="GET", more=""):
    """The status, the headers in lower case, and the content of the answer to one request."""
    line = f"{method} {request} HTTP/1.1\r\n" + (f"Host: {host}\r\n" if host else "")
    return sent(port, f"{line}{more}Connection: close\r\n\r\n".encode("latin-1"))


def sent(port, content):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(content)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    # Of a request that cannot be read as HTTP/1 the answer has no head.
    return int(lines[0].split()[1]) if answer[:5] == b"HTTP/" else None, headers, body


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:1", 200),
        ("192.168.1.7:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8000", 421),
        ("evil.example:localhost", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_a_foreign_name_is_not_answered(port, host, status):
    """DNS rebinding: a page of evil.example whose name leads to 127.0.0.1 reads this server."""
    found, _, content = ask(port, "/model.tflite", host)
    assert found == status and (content == b"this is model.tflite") == (status == 200)


def test_two_hosts_are_none(port):
    assert ask(port, "/web/", more="Host: localhost\r\n")[0] == 421


def test_a_name_of_ones_own_machine(folder):
    with running(folder, names=["Board.local"]) as port:
        assert ask(port, "/web/", "board.local:8000")[0] == 200
        assert ask(port, "/web/", "other.local")[0] == 421


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        *("/web/litert/", "/web/litert", "/up/", "/link.txt", "/up/outside.txt", "/pipe.txt"),
        *("/.marker.json", "/web/..%2f.marker.json", "/%2e%2e/outside.txt", "/..%2foutside.txt"),
        *("/web/%00", "/a%00b", "/%ff%fe", "/" + "a" * 5000, "/web/app.js/", "/web/app.js%2f"),
        *("/web\\app.js", "/%5c..%5coutside.txt", "/web/app.js%0d%0aX-Harm:%20yes", "//../x"),
    ],
)
def test_what_is_no_file_of_the_folder(port, capfd, path, method):
    status, headers, content = ask(port, path, method=method)
    assert status in (404, 414) and b"secret" not in content and "x-harm" not in headers
    assert capfd.readouterr() == ("", "")


def test_what_is_there(port):
    assert ask(port, "/inner.txt")[2] == b"this is model.tflite"  # a link inside the folder
    assert ask(port, "/web/")[2] == b"this is web/index.html"
    assert ask(port, "/web/?x=/../")[0] == 200
    status, headers, _ = ask(port, "/web")
    assert (status, headers["location"]) == (301, "/web/")
    for method in ("GET", "HEAD"):
        status, headers, content = ask(port, "/", method=method)
        assert (status, headers["location"], content) == (302, "/web/", b"")


def test_no_address_leads_to_another_host(port):
    for path in ("//evil.example", "//evil.example/%2f..", "/\\evil.example", "/?//evil.example"):
        location = ask(port, path)[1].get("location", "/web/")
        assert location.startswith("/web/")


def test_headers(port):
    for path in ("/web/", "/none", "/"):
        _, headers, _ = ask(port, path)
        assert headers["server"] == "segnet_tf"
        assert "'wasm-unsafe-eval'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "content",
    [
        b"POST /web/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS to a server without
        b"GET /web/ HTTP/9.9\r\n\r\n",
        b"GET " + b"/" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A" * 70000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-\r\nIf-Modified-Since: "
        b"Sun, 99 Foo 9999999999 99:99:99 GMT\r\nConnection: close\r\n\r\n",
    ],
)
def test_odd_requests(port, capfd, content):
    status, _, _ = sent(port, content)
    assert status is None or status >= 300
    assert ask(port, "/web/")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_what_follows_a_request_in_its_body_is_no_request(port):
    more = "Content-Length: 48\r\n"
    body = b"GET /model.tflite HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = f"GET /web/ HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode()
    assert sent(port, head + body)[2] == b"this is web/index.html"


def stalled(port, count, content=b"GET /web/ HTTP/1.1\r\nHost: loc"):
    connections = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(count)]
    for connection in connections:
        connection.sendall(content)
    return connections


def test_half_sent_requests_end_and_hold_few_threads(folder, monkeypatch, capfd):
    monkeypatch.setattr(page_server, "SECONDS", 0.5)
    before = threading.active_count()
    with running(folder) as port:
        connections = stalled(port, page_server.LARGEST_THREADS + 10)
        time.sleep(0.3)
        assert threading.active_count() - before <= page_server.LARGEST_THREADS + 1
        # A byte now and then does not buy more time.
        ended = time.monotonic() + 10
        while threading.active_count() - before > 1 and time.monotonic() < ended:
            for connection in connections[:3]:
                try:
                    connection.sendall(b"a")
                except OSError:
                    pass
            time.sleep(0.1)
        assert threading.active_count() - before <= 1
        assert ask(port, "/web/")[0] == 200
        for connection in connections:
            connection.close()
    assert capfd.readouterr() == ("", "")


def test_https(folder, pem_files, monkeypatch, capfd):
    monkeypatch.setattr(page_server, "SECONDS", 0.8)
    with running(folder, **pem_files) as port:
        # Those that say nothing, half a greeting, or HTTP without TLS, keep nobody waiting.
        waiting = [*stalled(port, 1, b""), *stalled(port, 1, b"\x16\x03\x01\x02\x00\x01")]
        assert sent(port, b"GET /web/ HTTP/1.1\r\nHost: localhost\r\n\r\n")[0] is None
        context = ssl.create_default_context(cafile=pem_files["certificate"])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            assert connection.version() in ("TLSv1.2", "TLSv1.3")
            connection.sendall(b"GET /web/ HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            assert b" 421 " in connection.recv(65536)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            with pytest.raises((ssl.SSLError, OSError)):
                old.wrap_socket(plain)
        for connection in waiting:
            assert connection.recv(10) in (b"", b"\x15\x03\x01\x00\x02\x02F"[:7])
            connection.close()
    assert "Traceback" not in capfd.readouterr().err
