"""The livestream's feed: what the log says, as frames for viewers, and the hub that hands them out.

It shows and decides nothing; a viewer can neither change what is shown nor slow it down for others.
"""
