"""The log as bytes: an entry, the hash chain of each writer, the export file. It knows no store: what proves a
result runs alone.
"""
