"""What time is it on a chain? One that seals on demand stands still between transactions."""

import time

from node_runtime.ports import Chain


def current_time(chain: Chain) -> int:
    """Milliseconds: what the chain's next block will say, as far as this machine's clock is right."""
    return max(chain.now(), time.time_ns() // 1_000_000)
