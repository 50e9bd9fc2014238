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
    """The nodes, in the order of their preference now. For one thread.

    A node counts once its asker has accepted it: before that it may be one of another chain.
    """

    def __init__(self, nodes: Sequence[Node], clock: Callable[[], float] = time.monotonic) -> None:
        self._nodes, self._clock = list(nodes), clock
        self._accepted: set[str] = set()

    def begin_turn(self) -> list[Node]:
        """The nodes in the order in which they are to be asked in this turn, whose time begins now."""
        until_s = self._clock() + TURN_S
        for node in self._nodes:
            node.rpc.until_s = until_s
        return [*self._nodes]

    def accept(self, node: Node) -> None:
        """Count this node as one of the chain that was meant."""
        self._accepted.add(node.name)

    def is_accepted(self, node: Node) -> bool:
        """Whether this node was accepted."""
        return node.name in self._accepted

    def strangers(self) -> list[Node]:
        """The nodes that were not accepted yet."""
        return [node for node in self._nodes if not self.is_accepted(node)]

    def others(self, node: Node) -> list[Node]:
        """The accepted nodes apart from `node`, in the order in which they are to be asked."""
        return [other for other in self._nodes if other is not node and self.is_accepted(other)]

    def pass_over(self, node: Node) -> None:
        """Ask this node last from now on."""
        self._nodes.remove(node)
        self._nodes.append(node)

    def close(self) -> None:
        """Close all connections."""
        for node in self._nodes:
            node.close()
