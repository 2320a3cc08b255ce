"""A receiver of OpenTelemetry's traces by OTLP over HTTP, which keeps the spans that it decodes."""

import gzip
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A root span, its steps in order of their begin, and what the resource says of the node."""

    root: Span
    steps: tuple[Span, ...]
    resource: dict[str, str | int]

    @property
    def attributes(self) -> dict[str, str | int]:
        return attributes_of(self.root.attributes)


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, str | int]:
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in pairs}


@dataclass(kw_only=True)
class Receiver:
    """``status`` is answered to each request; ``paths`` are those that were asked."""

    url: str = ""
    status: int = 200
    paths: list[str] = field(default_factory=list)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)

    def traces(self) -> list[Trace]:
        """Return the traces whose root has arrived."""
        return [trace for request in tuple(self.requests) for trace in self._traces(request)]

    def _traces(self, request: ExportTraceServiceRequest) -> Iterator[Trace]:
        for group in request.resource_spans:
            spans = [span for scope in group.scope_spans for span in scope.spans]
            for root in (span for span in spans if not span.parent_span_id):
                steps = [span for span in spans if span.parent_span_id == root.span_id]
                steps.sort(key=lambda span: span.start_time_unix_nano)
                yield Trace(root=root, steps=tuple(steps), resource=attributes_of(group.resource.attributes))


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver on a free port of this machine."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            kept.paths.append(self.path)
            kept.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(kept.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield kept
        server.shutdown()
