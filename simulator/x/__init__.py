"""A local X with a crowd of bidders: `python -m simulator.x`.

The unmodified tweepy streams from it, searches it, looks posts up and posts to it. What X does not promise (order,
exactly one delivery, an answer to every request) it does not promise either.
"""
