"""The commands of the command line, one file each: `EXAMPLE` is a line of its --help, `add_options` says what it takes,
`run` answers the exit code. A command's module is imported only when it is asked for.

They wire together what the other rooms offer. Exit codes: 0 fine, 1 refused or found wrong, 2 usage, 70 gave up.
"""
