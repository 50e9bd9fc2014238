"""The log as bytes: its entries, the hash chain of each writer, the export file. The package needs no store, so that a
result can be verified anywhere."""
