"""The scheduler actor, and what only it and the start of the process need: the plan of the days, the house's state,
bans.
"""
