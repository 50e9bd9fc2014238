"""The HTTP server: the public listener, the private one, and the stage page. It decides nothing."""
