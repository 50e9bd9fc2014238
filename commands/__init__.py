"""The commands of the command line, one file each: `add_parser` says what it takes, `run` answers the exit code.

They wire together what the other rooms offer. Exit codes: 0 fine, 1 refused or found wrong, 2 usage, 70 gave up.
"""
