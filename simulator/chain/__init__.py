"""The simulated chain: a local Ethereum chain with a real EVM, started by `python -m simulator.chain`.

The unmodified web3 asks it over JSON-RPC, as it asks a provider of Shape. Like a provider, an endpoint may lag, lie, or
not answer. Nothing of the chain outlives its process.
"""
