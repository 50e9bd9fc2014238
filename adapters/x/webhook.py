"""X's webhook protocol: answers challenges, checks signatures, and reads pushed bodies. Pure: bytes and a secret in.

A body has one of two forms: that of a filtered stream's line, or the envelope of the X Activity API with one event.
`api/webhook` queues what was read.

X signs bodies with the same key and in the same form as we sign the answers to challenges, and anybody may send us a
challenge. So no challenge with a brace is answered, and no body without one believed: every body of X is a JSON object,
and nobody can have us sign one.
"""

import base64
import hashlib
import hmac

import msgspec

from adapters.x.errors import UnreadablePost
from adapters.x.halves import decode
from adapters.x.payload import FoundPost, read_id, read_payload
from adapters.x.versions import direct_reply, first_versions
from messages.commands import WithdrawBid

CHALLENGE_CHARACTERS = 256
REPLY, DELETION = "post.reply.create", "post.delete"


def challenge_answer(secret: str, token: str) -> str:
    """The `response_token` for X's `crc_token`. Raises ValueError for a token that X would not send."""
    if not 0 < len(token) <= CHALLENGE_CHARACTERS or "{" in token:
        raise ValueError(f"crc_token is 1 to {CHALLENGE_CHARACTERS} characters without a brace")
    return _signature(secret, token.encode(errors="replace")).decode()


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether X has sent exactly these bytes; takes the same time whatever is wrong with the signature."""
    genuine = hmac.compare_digest(_signature(secret, body), signature.encode(errors="replace"))
    return genuine and b"{" in body


def read_push(body: bytes, source: str, found_at_ms: int) -> FoundPost | WithdrawBid | None:
    """Read a pushed body: a reply, or that a post is gone. None for kinds of events that we do not read.

    Authors are often missing in events of the Activity API. Raises UnreadablePost.
    """
    try:
        event = decode(_envelopes, body).data
        if event is None or event.event_type is None:
            return _reply(body, source, found_at_ms)
        if event.event_type == REPLY:
            line = b'{"data":%b,"includes":%b}' % (bytes(event.payload), bytes(event.includes))
            if (found := _reply(line, source, found_at_ms)) is None:
                raise ValueError("the event holds no post")
            return found
        if event.event_type == DELETION:
            post_id = read_id(_deletions.decode(event.payload).id)
            return WithdrawBid(message_id=f"gone:{post_id}", post_id=post_id, cause="deleted")
    except (UnreadablePost, ValueError, RecursionError) as fault:  # msgspec's errors are ValueErrors
        raise UnreadablePost(str(fault), body) from fault
    return None


def _reply(line: bytes, source: str, found_at_ms: int) -> FoundPost | None:
    found = read_payload(line, source, found_at_ms)
    return found and direct_reply(found, first_versions(line))


def _signature(secret: str, data: bytes) -> bytes:
    return b"sha256=" + base64.b64encode(hmac.digest(secret.encode(), data, hashlib.sha256))


class _Event(msgspec.Struct):
    # In the form of a stream's line the data is a post, which has none of these fields.
    event_type: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    includes: msgspec.Raw = msgspec.Raw(b"{}")


class _Envelope(msgspec.Struct):
    data: _Event | None = None


class _Deletion(msgspec.Struct):
    id: int | str


_envelopes = msgspec.json.Decoder(_Envelope)
_deletions = msgspec.json.Decoder(_Deletion)
