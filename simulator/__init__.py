"""Simulators of the outside world, as separate processes that speak the real protocols, and a judge of their results.

This package decides no auction of the manager. Of the project it imports `messages`, `loopback` and `own_files` only.
"""
