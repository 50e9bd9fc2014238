"""Reads the amount that a post bids from its text."""
