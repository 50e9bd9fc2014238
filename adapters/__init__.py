"""The adapters: each package exchanges bytes with one part of the outside world, and decides nothing.

Adapters know the messages and their own protocol, but no actor and no rule of the auction.
"""
