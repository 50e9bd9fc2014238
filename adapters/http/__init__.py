"""HTTP: what the public may see, what operators may ask, the stage page. It shows and passes on; it decides nothing."""
