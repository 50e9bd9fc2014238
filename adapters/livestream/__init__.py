"""The livestream's feed: turns the log into frames for viewers, and a hub sends them.

It decides nothing; a viewer can neither change what is shown nor slow it down for others.
"""
