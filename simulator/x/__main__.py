"""The command line of the simulated X, with an option for each setting of `simulator.x.settings`."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from simulator.x.server import Server
from simulator.x.settings import CrowdOptions, Settings
from simulator.x.writes import wei_from_text


def main(arguments: list[str] | None = None) -> int:
    """Runs the simulated X until it is stopped. Returns 0; 1 if the port is taken; 2 for impossible options."""
    parser = argparse.ArgumentParser(prog="python -m simulator.x", description="A local X with a crowd of bidders.")
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0 picks a free one (default)")
    parser.add_argument("--port-file", type=Path, help="file that has the port while the process runs")
    for kind in (Settings, CrowdOptions):
        _add_options(parser.add_argument_group((kind.__doc__ or "").rstrip(".")), kind)
    given = vars(parser.parse_args(arguments))
    try:
        settings, options = (_typed(kind, given) for kind in (Settings, CrowdOptions))
    except msgspec.ValidationError as fault:
        parser.error(str(fault))
    try:
        asyncio.run(_serve(settings, options, given["port"], given["port_file"]))
    except OSError as fault:
        print(f"simulated X: {fault}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Any, options: Any, port: int, port_file: Path | None) -> None:
    await Server(settings, options).run(port, port_file)


def _add_options(group: Any, kind: type[msgspec.Struct]) -> None:
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        about = [meta.description for meta in hints[field.name].__metadata__ if getattr(meta, "description", None)]
        option = "--" + field.encode_name.replace("_", "-")
        group.add_argument(option, default=None, help=f"{about[-1]} (default {field.default})".replace("%", "%%"))


def _typed(kind: type[msgspec.Struct], given: dict[str, Any]) -> msgspec.Struct:
    names = kind.__struct_fields__
    asked = {name: given[name] for name in names if given[name] is not None}
    return msgspec.convert(asked, kind, strict=False, dec_hook=wei_from_text)


if __name__ == "__main__":
    sys.exit(main())
