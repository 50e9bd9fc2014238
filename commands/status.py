"""`status`: prints the running process as a tree: actors, store, auction on stage, queues, integrations, alarms."""

import argparse
import json
from typing import Any

from rich.text import Text
from rich.tree import Tree

from auction.wording.lines import one_line
from auction.wording.moments import utc
from commands.common import CommandError, add_config, ask, settings_of
from commands.tables import console

EXAMPLE = "auction-manager status --data-dir build/demo"
COLOURS = {"READY": "green", "RESTARTING": "yellow", "STARTING": "yellow", "STOPPED": "dim", "HUNG": "bold red"}


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print the status as JSON")


def run(args: argparse.Namespace) -> int:
    code, status = ask(settings_of(args), "GET", "/status")
    if code != 200:
        raise CommandError(status.get("reason") or f"the answer is {code}")
    if args.json:
        print(json.dumps(status, indent=2))
    else:
        console().print(tree_of(status))
    return 0


def tree_of(status: dict[str, Any]) -> Tree:
    """Returns the status as a tree."""
    tree = Tree(Text(f"marathon {status['marathon_id']}", style="bold"))
    groups: dict[str, Tree] = {}
    for child in status["actors"]:
        if child["group"] not in groups:
            groups[child["group"]] = tree.add(Text(child["group"], style="bold"))
        groups[child["group"]].add(_child(child))
    _add(tree, "store", status["store"])
    _add(tree, "on stage", status["current"] or {"nothing": "yet"})
    _add(tree, "queues", status["queues"] or {"nothing": "yet"})
    if status["chain"]:
        _add(tree, "chain", status["chain"])
    _add(tree, "integrations", status["integrations"])
    _add(tree, "alarms", status["alarms"] or {"none": "now"})
    return tree


def _add(tree: Tree, heading: str, values: dict[str, Any]) -> None:
    branch = tree.add(Text(heading, style="bold"))
    for name, value in values.items():
        if value is not None:
            told = utc(value) if name.endswith("_ms") else value
            branch.add(Text(one_line(f"{name.removesuffix('_ms')} {told}")))


def _child(child: dict[str, Any]) -> Text:
    line = Text(f"{child['name']:<22} ")
    line.append(child["state"], style=COLOURS.get(child["state"], "yellow"))
    details = [f"restarts {child['restarts']}", f"waiting {child['mailbox_depth']}"]
    if child["mailbox_refused"]:
        details.append(f"refused {child['mailbox_refused']}")
    if child["last_error"]:
        details.append(one_line(f"last error: {child['last_error']}"))
    return line.append("  " + ", ".join(details), style="dim")
