"""The fields and expansions that we ask X for with every post, since a `PlaceBid` is made of them."""

EDIT_HISTORY = "edit_history_tweet_ids"
EXPANSIONS = ["author_id", "in_reply_to_user_id", "referenced_tweets.id", "edit_history_tweet_ids"]
TWEET_FIELDS = [
    "created_at",
    "author_id",
    "conversation_id",
    "in_reply_to_user_id",
    "referenced_tweets",
    "entities",
    "edit_history_tweet_ids",
    "edit_controls",
    "note_tweet",
    "display_text_range",
    "reply_settings",
    "lang",
]
USER_FIELDS = ["created_at", "username", "name", "verified", "verified_type", "protected", "public_metrics"]
POST_PARAMETERS = {"expansions": EXPANSIONS, "tweet_fields": TWEET_FIELDS, "user_fields": USER_FIELDS}
