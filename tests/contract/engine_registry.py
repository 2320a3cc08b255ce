"""A local registry of one image with an endless layer.

Format: the OCI distribution specification's pull, with Docker's own media types.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LAYER = 1 << 40  # bytes, as the manifest claims
_DOCKER = "application/vnd.docker"
_CONFIG = json.dumps(
    {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{'1' * 64}"]}}
).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


_MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": f"{_DOCKER}.distribution.manifest.v2+json",
        "config": {"mediaType": f"{_DOCKER}.container.image.v1+json", "size": len(_CONFIG), "digest": _digest(_CONFIG)},
        "layers": [
            {"mediaType": f"{_DOCKER}.image.rootfs.diff.tar.gzip", "size": _LAYER, "digest": f"sha256:{'2' * 64}"}
        ],
    }
).encode()


@contextmanager
def endless_image() -> Iterator[str]:
    """Serve the image; yield its name by digest. The layer ends with the ``with``."""
    over = threading.Event()

    class Registry(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if "/blobs/sha256:2" in self.path:
                self._answer(b"", "application/octet-stream", length=_LAYER)
                self._send_for_ever()
            elif "/blobs/" in self.path:
                self._answer(_CONFIG, "application/octet-stream")
            elif "/manifests/" in self.path:
                self._answer(_MANIFEST, f"{_DOCKER}.distribution.manifest.v2+json")
            else:
                self._answer(b"{}", "application/json")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, content: bytes, media_type: str, *, length: int | None = None) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content) if length is None else length))
            self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def _send_for_ever(self) -> None:
            with suppress(OSError):  # the client disconnected
                while not over.is_set():
                    self.wfile.write(bytes(1 << 16))
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}/endless@{_digest(_MANIFEST)}"
        finally:
            over.set()
            server.shutdown()
