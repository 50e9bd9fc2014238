"""The outside world: each package moves bytes to and from one outside thing and decides nothing.

Adapters know the messages and their own protocol. They know no actor and no rule of the auction.
"""
