"""The scheduler actor with its helpers: the plan of the days, the house's state, and bans."""
