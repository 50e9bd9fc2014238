"""A data directory of a marathon in the middle of a day, corrupted at random: it starts and is right, or says what is
wrong in one line. `python -m tests.system.corruption` tries many.
"""
