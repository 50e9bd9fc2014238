"""The auction actor with its helpers: the stored state of a day, its readers, metrics, and the search for poison."""
