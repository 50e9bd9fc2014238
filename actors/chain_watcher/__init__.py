"""The actor that copies the logs of the sale contract from the blockchain into our log, and its helpers."""
