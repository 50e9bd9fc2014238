"""What the command line prints: tables on a terminal, plain columns in a pipe, JSON where it is asked for."""
