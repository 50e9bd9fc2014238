"""The simulated X: a local server with X's API and a crowd of bidders, started by `python -m simulator.x`.

The unmodified tweepy streams, searches, looks up and posts there. Like X, it does not guarantee the order of posts,
exactly one delivery, or an answer to every request.
"""
