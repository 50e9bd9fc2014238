"""The command line of the simulated chain, with an option for each setting of `simulator.chain.settings`."""

import asyncio
import sys

from simulator import options
from simulator.chain.server import serve
from simulator.chain.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Runs the simulated chain until it is stopped. Returns 0; 1 if the port is taken; 2 for impossible options."""
    about = "A local Ethereum chain. --port is that of the first endpoint; the port file has a line for each endpoint."
    (settings,), port, file = options.parse("simulator.chain", about, (Settings,), arguments)
    try:
        asyncio.run(serve(settings, port, file))
    except OSError as fault:
        print(f"simulated chain: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
