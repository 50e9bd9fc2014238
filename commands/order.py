"""An operator's order is journaled with the name of the token that gave it and with the reason (--why). --dry-run shows
what it would change, from the log, and orders nothing.
"""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from auction.order_kind import END, moment_in
from auction.orders import ORDERS
from auction.units import parse_duration
from commands.common import CommandError, add_config, add_operator, ask, bounded, house_ms, settings_of, token_of
from settings import Settings

if TYPE_CHECKING:
    import redis

    from adapters.redis.keys import Keys


def add_options(parser: argparse.ArgumentParser) -> None:
    kind = ORDERS[str(parser.get_default("command"))]
    add_config(parser)
    add_operator(parser)
    if (needs := kind.argument) is not None:
        form = str if needs is END else bounded(int, 1, needs.most)
        parser.add_argument(needs.field, type=form, metavar=needs.metavar, help=needs.help)
    if not kind.is_for_house:
        parser.add_argument("--auction", metavar="ID", help="the auction (default: the one on stage)")
    parser.add_argument("--dry-run", action="store_true", help="show what it would change, order nothing")
    parser.add_argument("--why", required=True, metavar="TEXT", help="the reason, as it will stand in the log")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    fields: dict[str, Any] = {"why": args.why}
    if (needs := ORDERS[args.command].argument) is not None:
        given = getattr(args, needs.field)
        fields[needs.field] = _duration(given) + _end_of(settings, args.auction) if needs is END else given
    if getattr(args, "auction", None):
        fields["auction_id"] = args.auction
    if args.dry_run:
        return _dry_run(settings, args, fields)
    code, answer = ask(settings, "POST", f"/operator/{args.command}", fields, token_of(settings, args.operator))
    if args.json:
        print(json.dumps(answer))
    elif code < 300:
        print(f"ordered: {args.command} in {answer['of']}")
    else:
        print(f"auction-manager: {answer.get('reason', f'the answer is {code}')}", file=sys.stderr)
    return 0 if code < 300 else 1


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as fault:
        raise CommandError(f"{text!r} {fault}") from None


def _end_of(settings: Settings, auction_id: str | None) -> int:
    current = ask(settings, "GET", "/status")[1].get("current") or {}
    if auction_id not in (None, current.get("auction_id")) or "ends_at_ms" not in current:
        raise CommandError("only the auction on stage has an end that can be moved")
    return int(current["ends_at_ms"])


def _dry_run(settings: Settings, args: argparse.Namespace, fields: dict[str, Any]) -> int:
    """Replays the log, gives the order to the replayed day, and tells who leads before and after."""
    from actors.scheduler.actor import HOUSE
    from api.orders import ordered
    from auction.wording.lines import leader_in_words, log_line
    from commands.audit import audit
    from commands.store import store_of
    from messages.base import Outcome
    from messages.codec import UnreadableMessage
    from messages.commands import SkipDay
    from messages.events import ResultNamed

    now_ms = house_ms(settings)
    with store_of(settings) as (client, keys):
        on_stage = client.hget(keys.current, "auction_id")
        stage = on_stage.decode() if isinstance(on_stage, bytes) else ""
        try:
            auction_id, command = ordered(args.command, fields, "dry run", now_ms, stage)
        except UnreadableMessage as fault:
            raise CommandError(str(fault)) from None
        if isinstance(command, SkipDay):
            print(_skipped(client, keys, command.day, args.json))
            return 0
        if auction_id == HOUSE:
            auction_id = stage  # who is banned or not is told to the auction on stage too
        found = audit(client, keys, auction_id)
    if found.difference:
        raise CommandError(f"the log does not add up, so nothing can be foretold: {found.difference}")
    day = found.days.get(auction_id)
    if day is None:
        raise CommandError(f"there is no auction {auction_id or 'on stage'} in the log")
    before = leader_in_words(day.standings)
    events = day.decide([command], now_ms)
    is_void = any(isinstance(event, ResultNamed) and event.outcome is Outcome.VOID for event in events)
    after = "nobody wins" if is_void else leader_in_words(day.standings)
    if args.json:
        told = [log_line(event) for event in events]
        print(json.dumps({"auction_id": auction_id, "before": before, "after": after, "events": told}))
        return 0
    for event in events:
        print(log_line(event))
    changes = f"it would be: {after}" if after != before else "that would stay so"
    would = changes if events else "it would change nothing"
    print(f"{auction_id}: {before}; {would}")
    return 0


def _skipped(client: "redis.Redis", keys: "Keys", day: int, as_json: bool) -> str:
    """What skipping the day would do. Raises CommandError where it could not be skipped."""
    planned = {each["window"]["day"]: each for each in json.loads(client.get(keys.config) or "[]")}
    if day not in planned:
        raise CommandError(f"this marathon has no day {day}")
    auction_id, title = planned[day]["auction_id"], planned[day]["lot"]["title"]
    stored: Any = client.hgetall(keys.day(day))
    moment = moment_in({name.decode(): value.decode() for name, value in stored.items()})
    if reason := ORDERS["skip"].why_not(auction_id, moment):
        raise CommandError(reason)
    told = f"day {day} would not be held, and {title} would come again behind day {max(planned)}"
    return json.dumps({"auction_id": auction_id, "events": [told]}) if as_json else f"{auction_id}: {told}"
