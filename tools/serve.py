"""Serve the built site to this machine: `python tools/serve.py 8000`; --check tries the port."""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).parents[1] / "_build" / "html"
HIGHEST_PORT = 65_535


def main(port: str, check: str = "") -> int:
    """Serve until Ctrl-C; return 1 where the port is none, or taken."""
    if not port.isdecimal() or not 0 < int(port) <= HIGHEST_PORT:
        print(f"PORT must be a number from 1 to {HIGHEST_PORT}; got {port!r}", file=sys.stderr)
        return 1
    handler = partial(SimpleHTTPRequestHandler, directory=str(SITE))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
    except OSError as error:
        other = int(port) % HIGHEST_PORT + 1
        print(
            f"port {port}: {error.strerror}. Try another: make serve PORT={other}", file=sys.stderr
        )
        return 1
    with server:
        if not check:
            print(f"The site is on http://127.0.0.1:{port} until you press Ctrl-C.", flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
