"""What a daemon tells of itself to its operator's tools, made before its node is opened: metrics and health."""

from dataclasses import dataclass, field

from .health import Health
from .metrics import Metrics


@dataclass(frozen=True, kw_only=True)
class Telemetry:
    """Each part is thread-safe, and collects whether it is served or not."""

    metrics: Metrics = field(default_factory=Metrics)
    health: Health = field(default_factory=Health)
