"""Who acts: one file, one actor, one concern. They ask `auction/` what is true and reach out through `adapters/`."""
