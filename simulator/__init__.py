"""What stands in for the outside world: separate processes that speak the real protocols, and a judge of their truth.

Nothing here decides an auction of ours, and nothing here imports more of the project than `messages`.
"""
