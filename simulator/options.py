"""The command line of a simulator, made of its settings: an option for each field, with the field's description."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import msgspec


def parse(
    program: str,
    about: str,
    kinds: Sequence[type[msgspec.Struct]],
    arguments: list[str] | None,
    read: Callable[[type, Any], Any] | None = None,
) -> tuple[list[Any], int, Path | None]:
    """Returns the settings of each kind, the port (0 for any free one) and the file that has it. `read` is msgspec's
    `dec_hook`. Ends the process with 2 for impossible options."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0 picks a free one (default)")
    parser.add_argument("--port-file", type=Path, help="file that has the port while the process runs")
    for kind in kinds:
        _add_options(parser.add_argument_group((kind.__doc__ or "").rstrip(".")), kind)
    given = vars(parser.parse_args(arguments))
    try:
        return [_typed(kind, given, read) for kind in kinds], given["port"], given["port_file"]
    except msgspec.ValidationError as fault:
        parser.error(str(fault))


def _add_options(group: Any, kind: type[msgspec.Struct]) -> None:
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        about = [meta.description for meta in hints[field.name].__metadata__ if getattr(meta, "description", None)]
        option = "--" + field.encode_name.replace("_", "-")
        group.add_argument(option, default=None, help=f"{about[-1]} (default {field.default})".replace("%", "%%"))


def _typed(kind: type[msgspec.Struct], given: dict[str, Any], read: Callable[[type, Any], Any] | None) -> Any:
    asked = {name: given[name] for name in kind.__struct_fields__ if given[name] is not None}
    return msgspec.convert(asked, kind, strict=False, dec_hook=read)
