"""What can go wrong between us and X, as three outcomes that call for three different reactions.

Nothing here waits or retries; that is for the actor that asked.
"""


class XUnavailable(Exception):
    """Nothing was done; ask again later. Any answer but a good one to a question, and a post that never left.

    `retry_after_ms` is what X's headers ask for, None where they say nothing: back off as you do.
    `status` is the HTTP status, None where there was no answer.
    """

    def __init__(self, why: str, retry_after_ms: int | None = None, status: int | None = None) -> None:
        super().__init__(why)
        self.retry_after_ms = retry_after_ms
        self.status = status


class HeldBack(XUnavailable):
    """The budget of this endpoint allows no request now, so none was made."""


class TooMuch(XUnavailable):
    """X has more to say than may be taken in at once: ask for less. What was read is incomplete."""


class PostOutcomeUnknown(Exception):
    """The post was sent and may exist: look at the own timeline before posting it again."""


class PostRefused(Exception):
    """X does not want this post (4xx): the post does not exist, and sending it again unchanged does not help.

    `status` is the HTTP status: 401 and 402 are about us (keys, credits), 403 about the text or the target.
    """

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status

    @property
    def duplicate(self) -> bool:
        """X has seen the same text from us a short while ago. A hint that the post exists, not a proof."""
        return self.status == 403 and "duplicate" in str(self).lower()


def root_of(fault: BaseException) -> str:
    """What lies at the bottom of a chain of exceptions: libraries wrap "refused" several times, with whole URLs."""
    above = list[BaseException]()
    while (cause := fault.__cause__ or fault.__context__) and cause not in above:  # a chain may lead back into itself
        above.append(fault)
        fault = cause
    return f"{type(fault).__name__}: {fault}"[:500]


class UnreadablePost(Exception):
    """Bytes that should be a post and are not; the text says where and why, `raw` holds them for a dead letter."""

    def __init__(self, why: str, raw: bytes) -> None:
        super().__init__(why)
        self.raw = raw
