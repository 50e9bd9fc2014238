"""Questions to one EVM node in JSON-RPC over HTTP, through the real web3, which is imported on first use: web3 costs
60 MB and more than a second.

Each request ends within its time and answers within ANSWER_BYTES, whatever the node sends. Questions that a node
refuses together are asked in smaller batches. What an answer means is not decided here. web3's own retries are off,
because they would hold an actor for a minute and more.
"""

import email.utils
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import requests

from adapters import metrics
from adapters.bounded_http import BodyTooLarge, BoundedAdapter
from adapters.chain.lazy_web3 import web3_module

# 50 blocks with the hashes of 1,000 transactions each; decoded, an answer may take twenty times its size in memory.
ANSWER_BYTES = 8 * 2**20
# Questions in one request, before any node has refused as many.
BATCH = 51
# The longest wait that a node may ask for.
LONGEST_WAIT_S = 600.0
# Statuses that say nothing about the size of a batch: no right to ask, too much asked in all, or a gateway's own.
_NOT_FOR_SIZE = (401, 403, 408, 429, 502, 503, 504)

# These write the node's address into the log, and with it the key that it may hold: web3 at DEBUG, urllib3 also in its
# warnings. What is wrong is told by errors.
logging.getLogger("web3").setLevel(logging.INFO)
logging.getLogger("urllib3").setLevel(logging.ERROR)


class NodeUnavailable(Exception):
    """The node did not answer, not in time, or not what was asked. Nothing of its answer is used."""


class Refused(NodeUnavailable):
    """The node has answered, but with a refusal: asked for less at once, it may answer."""


class Question(NamedTuple):
    """A call of a JSON-RPC method. `about` says in errors what it asks for: a tag, a block."""

    method: str
    params: Sequence[Any]
    about: str = ""

    def __str__(self) -> str:
        return f"{self.method}({self.about})"


class Rpc:
    """One node, for one thread. `name` names the node in errors, since its address may hold a key.

    `until_s` is when the time of its asker is over (by `clock`): no request begins after it.
    """

    def __init__(self, rpc_url: str, timeout_s: float, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        web3 = web3_module()
        self.name = name
        self.batch = BATCH
        self.until_s = float("inf")
        self._timeout_s = timeout_s
        self._clock, self._wait_until_s = clock, 0.0
        self._session = BoundedAdapter(timeout_s, ANSWER_BYTES).mounted(requests.Session())
        self._provider = web3.HTTPProvider(rpc_url, session=self._session, exception_retry_configuration=None)

    def ask(self, question: Question) -> Any:
        """The result that the node gives, null included. Raises NodeUnavailable."""
        return self._asked([question])[0]

    def ask_all(self, questions: Sequence[Question]) -> list[Any]:
        """The results of all questions, asked in as few requests as the node takes. Raises NodeUnavailable.

        Where a request is refused, half of its questions are asked, down to a single one; the size that worked is
        kept for later requests.
        """
        results: list[Any] = []
        while rest := questions[len(results) :]:
            size = min(len(rest), self.batch)
            while True:
                try:
                    results += self._asked(rest[:size])
                    break
                except Refused:
                    if size == 1:
                        raise
                    size //= 2
            if size < min(len(rest), self.batch):
                self.batch = size
        return results

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _asked(self, questions: Sequence[Question]) -> list[Any]:
        """The results of these questions, asked in one request."""
        now_s = self._clock()
        first = questions[0]
        if now_s < self._wait_until_s:
            raise NodeUnavailable(f"{self.name}: it has asked to be left alone for a while")
        if now_s >= self.until_s:
            raise NodeUnavailable(f"{self.name}: no time is left for {first}")
        outcome = "ok"
        try:
            return self._results(questions)
        except NodeUnavailable as fault:
            outcome = "refused" if isinstance(fault, Refused) else "unavailable"
            raise
        finally:
            metrics.chain_requests.labels(self.name, first.method, outcome).inc()

    def _results(self, questions: Sequence[Question]) -> list[Any]:
        first = questions[0]
        try:
            if len(questions) == 1:  # some nodes take no lists at all
                answers = [self._provider.make_request(first.method, first.params)]
            else:
                answers = self._provider.make_batch_request([(each.method, each.params) for each in questions])
        except Exception as fault:  # web3 raises any kind of error for a wrong answer
            raise self._failed(first, fault) from None
        if not isinstance(answers, list) or len(answers) != len(questions):
            code = _code(answers)
            says = f"error {code}" if code else "other answers than questions"
            raise Refused(f"{self.name}: {first} and {len(questions) - 1} more: {says}")
        faulty = [at for at, answer in enumerate(answers) if not _is_result(answer)]
        if faulty:
            # A size that is refused is refused for every question; where one has its answer, the others have failed.
            kind = Refused if len(faulty) == len(answers) else NodeUnavailable
            code = _code(answers[faulty[0]])
            says = f"error {code}" if code else "the answer is not JSON-RPC"
            raise kind(f"{self.name}: {questions[faulty[0]]}: {says}")
        ids = {str(answer.get("id")) for answer in answers}
        if len(ids) != len(answers):
            raise Refused(f"{self.name}: {first} and {len(questions) - 1} more: two answers to one question")
        return [answer["result"] for answer in answers]

    def _failed(self, question: Question, fault: Exception) -> NodeUnavailable:
        # The address may hold a key, and most errors quote the address: only their kind is told.
        response = getattr(fault, "response", None)
        status = getattr(response, "status_code", 0)
        if response is not None and status in (429, 503):
            wait_s = _retry_after_s(response.headers.get("Retry-After", ""))
            self._wait_until_s = self._clock() + wait_s
        says = f"{self.name}: {question}: {type(fault).__name__} {status or ''}".rstrip()
        if isinstance(fault, BodyTooLarge):
            return Refused(says)
        if isinstance(fault, requests.RequestException) and (not status or status in _NOT_FOR_SIZE):
            return NodeUnavailable(says)
        return Refused(says)


def _is_result(answer: Any) -> bool:
    return isinstance(answer, dict) and "result" in answer and "error" not in answer


def _code(answer: Any) -> str:
    """The code of the error that this answer is, or an empty text."""
    error = answer.get("error") if isinstance(answer, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return str(code) if isinstance(code, int) and abs(code) < 10**9 else ""


def _retry_after_s(header: str) -> float:
    """The wait that a node asks for: seconds, or until a date; 0 where it names none."""
    try:
        wait_s = float(header) if header.strip().isdigit() else _until(header)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(wait_s, 0.0), LONGEST_WAIT_S)


def _until(date: str) -> float:
    return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
