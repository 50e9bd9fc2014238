"""Compiles the sale contract and writes its artifact; with --check compares the artifact with the source instead.

The compiler is a development dependency: nothing that runs auctions imports this module.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import msgspec
import vyper
from vyper.compiler import compile_code

from contracts.artifact import FILE, SOURCE, Artifact


def compiled(source: Path) -> Artifact:
    """What the compiler makes of a source, which names compiler and EVM version itself. Raises VyperException."""
    text = source.read_text(encoding="utf-8")
    made = compile_code(text, output_formats=["abi", "bytecode", "bytecode_runtime", "settings_dict"])
    return Artifact(
        compiler=f"vyper {vyper.__version__}",
        evm_version=made["settings_dict"]["evm_version"],
        source_sha256=hashlib.sha256(text.encode()).hexdigest(),
        abi=made["abi"],
        bytecode=made["bytecode"],
        runtime=made["bytecode_runtime"],
    )


def written(artifact: Artifact) -> bytes:
    """The artifact as the bytes of its file."""
    return msgspec.json.format(msgspec.json.encode(artifact), indent=2) + b"\n"


def main(arguments: list[str] | None = None, source: Path = SOURCE, file: Path = FILE) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="contracts.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if the artifact is not what the source gives")
    is_check = parser.parse_args(arguments).check
    wanted = written(compiled(source))
    if not is_check:
        file.write_bytes(wanted)
    elif not file.is_file() or file.read_bytes() != wanted:
        print(f"{file} is not what {source.name} gives: run `make contract`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
