"""The actors of the settlement: what pays, is paid and is sent on chain after a day."""
