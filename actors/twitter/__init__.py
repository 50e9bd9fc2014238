"""The actors that read X: the ingest of the stream, the reconciler that searches, and their helpers."""
