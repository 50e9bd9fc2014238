"""The chain: Shape L2, or any EVM node. It reads; what a log means is decided elsewhere."""
