"""Serves the page of `android_demo_assets/web/` with its models and LiteRT.js.

    python -m export.serve_web
    python -m export.serve_web --port 8000 --host 0.0.0.0 --certificate FILE --key FILE

Browsers give camera, WebGPU and threads to https and to localhost only. So a phone opens the page
by a cable, with `adb reverse tcp:8000 tcp:8000` and http://localhost:8000, or over the network
with a certificate.
"""

from __future__ import annotations

import argparse
import ssl
import sys
from collections.abc import Collection
from pathlib import Path

from export import web_folder
from export.page_server import PageServer
from segnet_tf.cli import command
from segnet_tf.errors import UserError

PORT = 8000
OUTPUT = web_folder.ROOT / "build" / "web"


def open_server(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    names: Collection[str] = (),
) -> PageServer:
    """A server that listens; `serve_forever` makes it answer.

    Args:
        folder: what `web_folder.assemble` wrote.
        host: the address to listen at.
        port: `None` takes 8000, or any free one if that is taken.
        certificate: PEM file, for https.
        key: of the certificate, if that file lacks it.
        names: further names that clients may use for this machine.

    Raises:
        UserError: the port is taken or the certificate can't be read.
    """
    for choice in [PORT, 0] if port is None else [port]:
        try:
            server = PageServer((host, choice), folder, names)
            break
        except (OSError, OverflowError) as error:
            if choice != PORT or port is not None:
                raise UserError(
                    f"`port` must be free at {host}. Received: {choice} ({error}). "
                    "Leave out --port to take a free one."
                ) from None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            server.server_close()
            raise UserError(
                "`certificate` must be a PEM file, with its key in it or in --key. "
                f"Received: {certificate} ({error})."
            ) from None
        server.socket = context.wrap_socket(
            # Each client's own thread makes the handshake: one that stalls keeps no other waiting.
            server.socket,
            server_side=True,
            do_handshake_on_connect=False,
        )
    return server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Serve the page of android_demo_assets/web on this machine."
    parser.epilog = "example:\n  python -m export.serve_web --port 8000"
    add = parser.add_argument
    add("--port", type=int, metavar="N", help=f"({PORT}, or a free one if that is taken)")
    add("--host", default="127.0.0.1", help="address to listen at (this machine's)")
    add("--name", action="append", default=[], help="of this machine, if it is asked for by one")
    add("--certificate", type=Path, metavar="FILE", help="PEM file, for https")
    add("--key", type=Path, metavar="FILE", help="of the certificate")
    add("--assets", type=Path, default=web_folder.ASSETS, metavar="DIR", help="with manifest.json")
    add("--output", type=Path, default=OUTPUT, metavar="DIR", help="what is served (build/web)")


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C."""
    folder = web_folder.assemble(arguments.output, arguments.assets)
    server = open_server(
        folder,
        host=arguments.host,
        port=arguments.port,
        certificate=arguments.certificate,
        key=arguments.key,
        names=arguments.name,
    )
    port = server.server_address[1]
    host = "localhost" if arguments.host in ("127.0.0.1", "0.0.0.0") else arguments.host
    print(f"http{'s' if arguments.certificate else ''}://{host}:{port}/   (Ctrl-C ends it)")
    print(f"On an Android phone by cable: adb reverse tcp:{port} tcp:{port}, then that address.")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 after Ctrl-C, 2 for bad input."""
    return command.main("serve_web", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
