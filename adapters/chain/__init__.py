"""The blockchain: Shape L2, or any EVM node. It is only read; others decide what a log means."""
