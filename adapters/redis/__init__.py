"""The store: key names, the log and its journals, input queues, the lease, and the embedded server.

It keeps what it is given, atomically and fenced, and knows nothing of what the bytes mean.
"""
