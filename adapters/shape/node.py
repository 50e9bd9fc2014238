"""An EVM node over HTTP, read with the real web3. It is imported on first use: it costs 60 MB and more than a second.

web3's own retries are off, because they would hold an actor for a minute and more; whoever asks tries again later.
"""

from typing import Any, NamedTuple


class NodeUnavailable(Exception):
    """The node did not answer, or not in time; nothing was learnt."""


class Log(NamedTuple):
    """A log of the watched contract. Hashes, topics and data are hex with 0x."""

    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int
    topics: tuple[str, ...]
    data: str


class Node:
    """One node. Every method raises NodeUnavailable."""

    def __init__(self, rpc_url: str, timeout_s: float) -> None:
        from web3 import HTTPProvider, Web3

        provider = HTTPProvider(rpc_url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None)
        self._provider: Any = provider
        self._web3: Any = Web3(provider)

    def chain_id(self) -> int:
        """Which chain the node is on."""
        return int(self._asked(lambda: self._web3.eth.chain_id))

    def head(self, level: str) -> int:
        """The number of the newest block of this confirmation level: unsafe, safe or finalized."""
        tag = "latest" if level == "unsafe" else level
        return int(self._asked(lambda: self._web3.eth.get_block(tag)["number"]))

    def logs(self, contract: str, first_block: int, last_block: int) -> list[Log]:
        """The contract's logs of these blocks, both included, in their order."""
        asked = {
            "address": self._web3.to_checksum_address(contract),
            "fromBlock": first_block,
            "toBlock": last_block,
        }
        found = self._asked(lambda: self._web3.eth.get_logs(asked))
        return [
            Log(
                int(log["blockNumber"]),
                log["blockHash"].to_0x_hex(),
                log["transactionHash"].to_0x_hex(),
                int(log["logIndex"]),
                tuple(topic.to_0x_hex() for topic in log["topics"]),
                log["data"].to_0x_hex(),
            )
            for log in found
        ]

    def close(self) -> None:
        """Gives the connections back."""
        self._provider._request_session_manager.session_cache.clear()

    def _asked(self, ask: Any) -> Any:
        import requests
        from web3.exceptions import Web3Exception

        try:
            return ask()
        except (requests.RequestException, Web3Exception, ValueError) as fault:
            # The address may hold a key: of the error only its kind is told.
            raise NodeUnavailable(f"the node did not answer: {type(fault).__name__}") from None
