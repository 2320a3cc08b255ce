"""Traces of attempts' steps for OpenTelemetry, sent by OTLP over HTTP to the receiver that the operator names.

A trace is one attempt: a root span, with a span for each run of a step. It is made when the attempt ends, since the
steps are timed anyway. It names task, kind and outcome, and of an error its class alone, as messages may quote data.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

import structlog

from node_runtime import __version__
from node_runtime.errors import ConfigError, HostError

from .logging import ErrorThrottle
from .timings import StepSpan

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span as OpenSpan

log = structlog.get_logger()

SEND_SECONDS = 5  # for one batch, its repetitions included
CLOSE_SECONDS = 5.0  # that the daemon's end waits for spans to be sent
EXTRA = "pip install 'node-runtime[tracing]'"
ATTEMPT, DELIVERY = "attempt", "delivery"  # names of root spans


Attributes = Mapping[str, str | int]


class Traces(Protocol):
    """Where traces go. Thread-safe; no method waits for the receiver but `close`, for `CLOSE_SECONDS` at most."""

    def record(self, name: str, spans: Sequence[StepSpan], attributes: Attributes, *, error: str = "") -> None:
        """Send a trace of these steps under a root span of this name; ``error`` names how the whole failed."""
        ...

    def close(self) -> None: ...


class NoTraces:
    """Traces that are switched off."""

    def record(self, name: str, spans: Sequence[StepSpan], attributes: Attributes, *, error: str = "") -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SentTraces:
    """Traces that a thread sends in batches; those that can't be sent are dropped, and logged."""

    def __init__(self, provider: "TracerProvider") -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("node_runtime", __version__)

    def record(self, name: str, spans: Sequence[StepSpan], attributes: Attributes, *, error: str = "") -> None:
        from opentelemetry.trace import set_span_in_context

        if not spans:
            return
        named = {f"node_runtime.{key}": value for key, value in attributes.items()}
        root = self._tracer.start_span(name, start_time=min(span.begin for span in spans), attributes=named)
        inside = set_span_in_context(root)
        for span in spans:
            step = self._tracer.start_span(span.name, context=inside, start_time=span.begin)
            _end(step, span.end, span.error)
        _end(root, max(span.end for span in spans), error)

    def close(self) -> None:
        """Send what is left, within `CLOSE_SECONDS`."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True, name="close-traces")
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():
            log.warning("traces_lost", reason="their receiver doesn't answer", remedy="see the address of `traces`")


def _end(span: "OpenSpan", end: int, error: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    if error:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))
    span.end(end_time=end)


def open_traces(address: str | None, *, node: str) -> Traces:
    """Open the traces of a node, sent to an OTLP receiver's ``address``; None switches them off.

    OpenTelemetry's own variables count too, e.g. ``OTEL_EXPORTER_OTLP_HEADERS`` for a password. Raises `ConfigError`
    where the extra ``tracing`` isn't installed.
    """
    if address is None:
        return NoTraces()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            "traces: OpenTelemetry isn't installed, which sends them",
            remedy=f"install it by {EXTRA}, or leave `traces` out of node.yaml",
        ) from error
    # its messages go to the daemon's log by `_LoggedExporter`
    quiet = logging.getLogger("opentelemetry")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    resource = {"service.name": "node-runtime", "service.version": __version__, "service.instance.id": node}
    provider = TracerProvider(resource=Resource.create(resource), shutdown_on_exit=False)
    exporter = _LoggedExporter(OTLPSpanExporter(endpoint=address, timeout=SEND_SECONDS))
    provider.add_span_processor(BatchSpanProcessor(cast("SpanExporter", exporter)))
    return SentTraces(provider)


class _LoggedExporter:
    """A `SpanExporter`: what it couldn't send is logged, ever more rarely while that lasts."""

    def __init__(self, exporter: "SpanExporter") -> None:
        self._exporter = exporter
        self._errors = ErrorThrottle("traces_not_sent")

    def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
        result = self._exporter.export(spans)
        if result.name == "SUCCESS":
            self._errors.over()
        else:
            reason = f"the receiver didn't take {len(spans)} spans; they are dropped"
            remedy = "see that it runs, and the address of `traces` in node.yaml"
            self._errors.again(HostError(reason, remedy=remedy))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._exporter.force_flush(timeout_millis))
