"""The text of a post of ours as it was sent, recovered from the form in which X shows it.

X escapes the text, shortens its links, cuts it where it is long, and puts mentions before a reply.
"""

from html import unescape
from typing import Any


def written_text(post: dict[str, Any]) -> str:
    """The text as it was sent of `post`, with entities, note_tweet and display_text_range where it has them."""
    shown = str(post.get("text", ""))
    note = post.get("note_tweet") or post.get("note_post")
    whole = note if isinstance(note, dict) else post
    text = str(whole.get("text", ""))
    shown_range = post.get("display_text_range")
    if isinstance(shown_range, list) and shown_range and isinstance(shown_range[0], int):
        # The mentions hold nothing that could be escaped, so this place is the same in both texts.
        text = text.removeprefix(shown[: max(shown_range[0], 0)])
    entities = whole.get("entities")
    links = entities.get("urls") if isinstance(entities, dict) else None
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("url") and link.get("expanded_url"):
            text = text.replace(str(link["url"]), str(link["expanded_url"]))
    return unescape(text)
