"""The announcer actor, its outbox, and what it tells the bidders of a day."""
