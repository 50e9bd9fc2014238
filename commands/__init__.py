"""The commands of the command line, one module each, which `cli` imports only when its command is called.

In each module `EXAMPLE` is the example of its --help, `add_options` declares its arguments, and `run` returns the exit
code: 0 fine, 1 refused or found wrong, 2 usage, 70 gave up.
"""
