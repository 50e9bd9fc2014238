"""The nodes of one chain: one of them is asked first, and the next takes over when it fails.

A turn of the asker has one time for all its questions, so that no sequence of slow answers makes it look hung.
"""

import time
from collections.abc import Callable, Sequence

from adapters.chain.node import Node

# After this time of a turn no request begins. With the last request the turn stays below the time after which an actor
# counts as hung (supervision.hang).
TURN_S = 20.0


class Endpoints:
    """The nodes, in the order of their preference now. For one thread."""

    def __init__(self, nodes: Sequence[Node], clock: Callable[[], float] = time.monotonic) -> None:
        self._nodes, self._clock = list(nodes), clock

    def begin_turn(self) -> list[Node]:
        """The nodes in the order in which they are to be asked in this turn, whose time begins now."""
        until_s = self._clock() + TURN_S
        for node in self._nodes:
            node.rpc.until_s = until_s
        return [*self._nodes]

    def others(self, node: Node) -> list[Node]:
        """All nodes but this one, in order."""
        return [other for other in self._nodes if other is not node]

    def pass_over(self, node: Node) -> None:
        """Ask this node last from now on."""
        self._nodes.remove(node)
        self._nodes.append(node)

    def close(self) -> None:
        """Close all connections."""
        for node in self._nodes:
            node.close()
