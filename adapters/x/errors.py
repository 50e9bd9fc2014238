"""The errors of requests to X, each calling for another reaction of the actor that asked."""


class XUnavailable(Exception):
    """Nothing was done; ask again later. Raised for a question without an answer, and for a post never sent.

    `retry_after_ms` is the wait that X's headers ask for, None where they name none: then the caller backs off by
    itself. `status` is the HTTP status, None where there was no answer.
    """

    def __init__(self, why: str, retry_after_ms: int | None = None, status: int | None = None) -> None:
        super().__init__(why)
        self.retry_after_ms = retry_after_ms
        self.status = status


class HeldBack(XUnavailable):
    """The budget of this endpoint allows no request now, so none was made."""


class TooMuch(XUnavailable):
    """An answer of X is larger than may be taken in at once: ask for less. Nothing of it was taken in."""


class PostOutcomeUnknown(Exception):
    """The post was sent and may exist: search the own timeline before posting it again."""


class PostRefused(Exception):
    """X does not want this post (4xx): the post does not exist, and sending it again unchanged does not help.

    `status` is the HTTP status: 401 and 402 are about us (keys, credits), 403 about the text or the target.
    """

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status

    @property
    def duplicate(self) -> bool:
        """Whether X says that we posted the same text a short while ago: a hint that the post exists, no proof."""
        return self.status == 403 and "duplicate" in str(self).lower()


def root_of(fault: BaseException) -> str:
    """The innermost error of a chain of exceptions, in words: libraries wrap "refused" several times."""
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
