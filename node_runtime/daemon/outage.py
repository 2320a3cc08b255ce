"""How much is said of trouble that goes on? Its remedy at first, then ever more seldom, and once that it is over."""

import time

import structlog

from node_runtime.errors import ChainUnavailable, NodeRuntimeError

log = structlog.get_logger()


class Outage:
    """Trouble of one loop. For that loop's thread alone."""

    def __init__(self) -> None:
        self.times = 0  # since all was well
        self._trouble = ""
        self._since = 0.0

    def again(self, error: Exception) -> None:
        """Count it; told is the first time of each kind of trouble, and the 2nd, 4th, 8th…"""
        trouble = "chain_unavailable" if isinstance(error, ChainUnavailable) else "look_failed"
        if self.times == 0:
            self._since = time.monotonic()
        self.times += 1
        told = self.times & (self.times - 1) == 0 or trouble != self._trouble
        self._trouble = trouble
        if not isinstance(error, NodeRuntimeError):
            log.error(trouble, exc_info=error, remedy="this is a fault of the daemon; it looks again", times=self.times)
        elif told:
            log.warning(trouble, reason=error.message, remedy=error.remedy, times=self.times)

    def over(self) -> None:
        """All is well; said once after trouble."""
        if self.times:
            seconds = round(time.monotonic() - self._since, 1)
            log.info("trouble_over", trouble=self._trouble, times=self.times, seconds=seconds)
        self.times = 0
