"""The actors: one file, or one folder, for each. They ask `auction/` for decisions and reach the outside world through
`adapters/`."""
