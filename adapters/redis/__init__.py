"""The store: key names, the log and its journals, input queues, the lease, and the embedded server.

The package stores bytes, atomically and fenced, and does not interpret them.
"""
