"""A node that lies: an HTTP server before a real node, which passes questions on and spoils some answers.

Every lie is one that a provider has told: logs left out, false bloom filters, receipts that are null, old heads, small
batches, refusals, answers in another order. Which answers are spoiled follows from the seed and the order of questions.
"""

import copy
import json
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any

from tests.harness.waiting import PATIENCE_S

OLD_BLOCKS = 20
BLOOM_BYTES = 256


@dataclass
class Lies:
    """How often each lie is told, as a share of the answers that it fits; and how many questions a batch may have."""

    logs_left_out: float = 0.0
    logs_left_out_in_part: float = 0.0
    bloom_zero: float = 0.0
    bloom_ones: float = 0.0
    receipts_null: float = 0.0
    old_head: float = 0.0
    too_many_requests: float = 0.0
    reversed_batch: float = 0.0
    most_in_batch: int = 1_000
    retry_after: str = "0"
    told: dict[str, int] = field(default_factory=dict)


ALL_LIES = Lies(0.05, 0.05, 0.05, 0.05, 0.2, 0.1, 0.05, 0.3, 3)


class LyingNode(ThreadingHTTPServer):
    """Tells `lies` before the node at this address. `questions` are the methods that were asked for, in order; while
    frozen no answer comes. `alter` may change any answer: it gets question and result. `instead` may change what the
    real node is asked."""

    def __init__(self, node_url: str, seed: int = 0, lies: Lies | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lies = lies or Lies()
        self.questions: list[str] = []
        self.requests = 0
        self.alter: Callable[[dict[str, Any], Any], Any] = lambda question, result: result
        self.instead: Callable[[dict[str, Any]], dict[str, Any]] = lambda question: question
        self._node_url, self._random, self._lock = node_url, Random(seed), threading.Lock()
        self._speaks = threading.Event()
        self._speaks.set()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    daemon_threads = True

    def freeze(self) -> None:
        """Stop to answer."""
        self._speaks.clear()

    def thaw(self) -> None:
        """Answer again."""
        self._speaks.set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thaw()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def answered(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to this request."""
        asked = json.loads(body)
        self.requests += 1
        self._speaks.wait(PATIENCE_S)
        with self._lock:
            if self._tells("too_many_requests"):
                return 429, b""
            if isinstance(asked, list) and len(asked) > self.lies.most_in_batch:
                refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}}
                return 200, json.dumps(refusal).encode()
            each = asked if isinstance(asked, list) else [asked]
            self.questions += [question["method"] for question in each]
            asked_for = [self._question(question) for question in each]
        answers = self._forward(asked_for)
        with self._lock:
            for question, answer in zip(each, answers, strict=True):
                if "result" in answer:
                    answer["result"] = self.alter(question, self._spoiled(question, answer["result"]))
            if isinstance(asked, list) and self._tells("reversed_batch"):
                answers.reverse()
        return 200, json.dumps(answers if isinstance(asked, list) else answers[0]).encode()

    def _question(self, question: dict[str, Any]) -> dict[str, Any]:
        """The question that the real node is asked instead."""
        if question["params"][:1] != ["latest"] or not self._tells("old_head"):
            return self.instead(question)
        [head] = self._forward([{"jsonrpc": "2.0", "id": 0, "method": "eth_blockNumber", "params": []}])
        return {**question, "params": [hex(max(int(head["result"], 16) - OLD_BLOCKS, 0)), False]}

    def _spoiled(self, question: dict[str, Any], result: Any) -> Any:
        result = copy.deepcopy(result)
        match question["method"]:
            case "eth_getLogs" if result and self._tells("logs_left_out"):
                return []
            case "eth_getLogs" if len(result or ()) > 1 and self._tells("logs_left_out_in_part"):
                del result[self._random.randrange(len(result))]
            case "eth_getBlockReceipts" if self._tells("receipts_null"):
                return None
            case "eth_getBlockByNumber" if result and self._tells("bloom_zero"):
                result["logsBloom"] = "0x" + "00" * BLOOM_BYTES
            case "eth_getBlockByNumber" if result and self._tells("bloom_ones"):
                result["logsBloom"] = "0x" + "ff" * BLOOM_BYTES
        return result

    def _tells(self, lie: str) -> bool:
        share: float = getattr(self.lies, lie)
        is_told = self._random.random() < share
        if is_told:
            self.lies.told[lie] = self.lies.told.get(lie, 0) + 1
        return is_told

    def _forward(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        request = urllib.request.Request(
            self._node_url, json.dumps(questions).encode(), {"Content-Type": "application/json"}
        )
        with self._opener.open(request, timeout=PATIENCE_S) as response:
            found = {answer["id"]: answer for answer in json.load(response)}
        return [found[question["id"]] for question in questions]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits for 40 ms

    def do_POST(self) -> None:
        node = self.server
        assert isinstance(node, LyingNode)
        status, body = node.answered(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 429:
                self.send_header("Retry-After", node.lies.retry_after)
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # who asked has gone
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass
