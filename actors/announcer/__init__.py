"""The announcer actor, its outbox, and the notices to the bidders of a day."""
