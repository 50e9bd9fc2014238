"""The rules of the auction as pure functions: they compute verdicts and standings from posts and controls.

Nothing here reads a clock, draws a random number, starts a thread or touches the network; the same observations give
the same verdicts on every machine and in every replay.
"""
