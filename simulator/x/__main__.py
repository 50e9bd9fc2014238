"""The command line of the simulated X, with an option for each setting of `simulator.x.settings`."""

import asyncio
import sys
from pathlib import Path

from simulator import options
from simulator.x.server import Server
from simulator.x.settings import CrowdOptions, Settings
from simulator.x.writes import wei_from_text


def main(arguments: list[str] | None = None) -> int:
    """Runs the simulated X until it is stopped. Returns 0; 1 if the port is taken; 2 for impossible options."""
    about, kinds = "A local X with a crowd of bidders.", (Settings, CrowdOptions)
    (settings, crowd), port, file = options.parse("simulator.x", about, kinds, arguments, wei_from_text)
    try:
        asyncio.run(_serve(settings, crowd, port, file))
    except OSError as fault:
        print(f"simulated X: {fault}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings, crowd: CrowdOptions, port: int, file: Path | None) -> None:
    await Server(settings, crowd).run(port, file)


if __name__ == "__main__":
    sys.exit(main())
