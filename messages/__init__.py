"""Messages: every command, event and hint between actors, in the log or on a wire, and their encoding.

The package decides nothing and imports no other package of the project.
"""
