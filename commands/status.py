"""`status`: how the running process stands: its actors as a tree, the auction on stage, queues, integrations."""

import argparse
import json
import os
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from commands.common import add_config, ask, settings_of

COLOURS = {"READY": "green", "RESTARTING": "yellow", "STARTING": "yellow", "STOPPED": "dim", "HUNG": "bold red"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("status", help="the tree, the auction, queues, integrations", description=__doc__)
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="everything as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    code, status = ask(settings_of(args, dict(os.environ)), "GET", "/status")
    if args.json:
        print(json.dumps(status, indent=2))
    else:
        Console(highlight=False).print(tree_of(status))
    return 0 if code == 200 else 1


def tree_of(status: dict[str, Any]) -> Tree:
    """The status as a tree."""
    tree = Tree(Text(f"marathon {status['marathon_id']}", style="bold"))
    groups: dict[str, Tree] = {}
    for child in status["actors"]:
        if child["group"] not in groups:
            groups[child["group"]] = tree.add(Text(child["group"], style="bold"))
        groups[child["group"]].add(_child(child))
    stage = tree.add(Text("on stage", style="bold"))
    for name, value in (status.get("current") or {"": "nothing yet"}).items():
        stage.add(f"{name} {value}".strip())
    integrations = tree.add(Text("integrations", style="bold"))
    for name, value in status["integrations"].items():
        integrations.add(f"{name}: {value}")
    return tree


def _child(child: dict[str, Any]) -> Text:
    line = Text(f"{child['name']:<22} ")
    line.append(child["state"], style=COLOURS.get(child["state"], "yellow"))
    details = [f"restarts {child['restarts']}", f"waiting {child['mailbox_depth']}"]
    if child["mailbox_refused"]:
        details.append(f"refused {child['mailbox_refused']}")
    if child["last_error"]:
        details.append(f"last error: {child['last_error']}")
    return line.append("  " + ", ".join(details), style="dim")
