"""The keys to X: the app's bearer token for reading, the account's OAuth 1.0a keys for posting; never shown."""

from typing import Any

import msgspec


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys that X gives to an app and to the account that it acts for."""

    bearer_token: str
    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str

    def __repr__(self) -> str:
        return "Credentials(***)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # msgspec's own would show the keys wherever rich prints this
        return [("keys", "***")]
