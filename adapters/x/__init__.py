"""X: the filtered stream, the REST calls, and their JSON as `PlaceBid`.

Nothing is decided or repeated here. Only this package knows tweepy.
"""
