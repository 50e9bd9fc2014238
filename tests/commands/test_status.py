"""`status`: the answer of the running process as a tree, whatever stands in it."""

from rich.console import Console

from commands.status import tree_of

CHILD = {"restarts": 1, "mailbox_depth": 2, "mailbox_refused": 3}
STATUS: dict[str, object] = {
    "marathon_id": "m",
    "actors": [
        {**CHILD, "group": "x", "name": "twitter_ingest", "state": "WAITING_FOR_STORE", "last_error": "no\nroute"},
        {**CHILD, "group": "x", "name": "twitter_reconciler", "state": "READY", "last_error": ""},
    ],
    "current": {"lot_title": "[bold]Harbour\x1b[2J", "ends_at_ms": 1_803_931_200_000, "outcome": None},
    "queues": {"dead_letters": 4},
    "store": {"as_of_ms": 1_803_931_200_000, "trouble": None},
    "chain": {"read_number": 1234, "read_at_ms": 1_803_931_200_000},
    "integrations": {"store": "embedded"},
    "alarms": {},
}


def shown(status: dict[str, object]) -> str:
    out = Console(width=200)
    with out.capture() as told:
        out.print(tree_of(status))
    return told.get()


def test_the_tree_shows_who_works_what_is_on_stage_and_the_queues() -> None:
    tree = shown(STATUS)
    assert "twitter_ingest         WAITING_FOR_STORE  restarts 1, waiting 2, refused 3, last error: no\\nroute" in tree
    assert "lot_title [bold]Harbour\\x1b[2J" in tree
    assert "ends_at 2027-03-01 20:00:00.000Z" in tree
    assert "dead_letters 4" in tree
    assert "read_number 1234" in tree
    assert "outcome" not in tree


def test_before_the_first_day_nothing_is_on_stage() -> None:
    assert shown({**STATUS, "current": None, "queues": {}}).count("nothing yet") == 2
