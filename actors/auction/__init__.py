"""The auction actor, and what only it and its readers need: its stored state, its metrics, the suspicion of poison."""
