"""The table of commands, and the parser that it makes of their options. It runs none of them."""

import argparse
from collections.abc import Collection
from importlib import import_module

from auction.orders import ORDERS

# Each command is a module of `commands`, with `EXAMPLE`, `add_options` and `run`; its docstring is its --help text. The
# orders of operators are all in one module, `commands.order`.
COMMANDS = {
    "run": "run the marathon of a configuration, until stopped",
    "demo": "run a compressed marathon, everything simulated",
    "check-config": "validate the settings, print the marathon's calendar",
    "status": "show the actors of the running process, the auction, queues, integrations",
    "parse-bid": "print what a text bids, in wei, or why it is no bid",
    **{name: kind.summary for name, kind in ORDERS.items()},
    "inject": "send a command into the running system, for tests",
    "scenario": "play a scenario and check what it expects",
    "bids": "show the bid history of an auction or of a user",
    "log": "show the log in words",
    "audit": "replay the log, check hash chains and state",
    "dead-letters": "list, show, retry or discard entries that could not be decided",
    "repair": "rebuild damaged parts of the store from the log",
    "contract": "deploy the sale contract, show the one of the settings",
    "completion": "print the completion of these commands for a shell",
}


def parser(wanted: Collection[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of all commands. Only the wanted commands are imported and get options: most imports are slow."""
    whole = argparse.ArgumentParser(
        prog="auction-manager",
        description="Orchestrates a marathon of daily auctions held on X and a livestream.",
        epilog="Every command explains itself: auction-manager demo --help. Without a command it is `run`.",
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        if name not in wanted:
            commands.add_parser(name, help=summary)
            continue
        order = ORDERS.get(name)
        module = import_module("commands.order" if order else f"commands.{name.replace('-', '_')}")
        example = f"auction-manager {name} {order.example}" if order else module.EXAMPLE
        about = f"`{name}`: {summary}. {module.__doc__}" if order else module.__doc__
        command = commands.add_parser(name, help=summary, description=about, epilog=f"example: {example}")
        command.set_defaults(run=module.run, command=name)
        module.add_options(command)
    return whole
