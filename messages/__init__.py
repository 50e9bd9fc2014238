"""What is said: every command and event that crosses an actor, the log or a wire, and their bytes.

Nothing here decides anything, and nothing here imports the rest of the project.
"""
