"""The reference sale contract in Vyper, and its artifact, which deploying and reading it need."""
