"""The keys of the store: the name, type and purpose of each. No other module builds a name.

Several marathons may share one store. Every key belongs to one of them, which its name tells; only a user's bids are
shared, since users are the same people in all marathons.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_MARATHON_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one marathon. Raises ValueError for an id of other characters than letters, digits, `-` and `_`."""

    marathon_id: str

    def __post_init__(self) -> None:
        if not _MARATHON_ID.fullmatch(self.marathon_id):
            raise ValueError(f"a marathon's id is 1 to 64 letters, digits, - or _, not {self.marathon_id!r:.80}")

    # ---- what readers outside look at

    @property
    def config(self) -> str:
        """String, JSON: every day as planned, with its window, lot and rules. The frozen rules stand in the log."""
        return f"auction:{self.marathon_id}:config"

    @property
    def current(self) -> str:
        """Hash: the auction on stage; written only by the auction whose id stands in it, or by an opening one."""
        return f"auction:{self.marathon_id}:current"

    def day(self, number: int) -> str:
        """Hash: one day (from 1): its local date, lot, window, state, outcome, settlement."""
        return f"auction:{self.marathon_id}:day:{number}"

    @property
    def day_pattern(self) -> str:
        """The pattern of the names of all days' keys."""
        return f"auction:{self.marathon_id}:day:*"

    def bids(self, auction_id: str) -> str:
        """Sorted set: the bid history; score is the source's ms, member the zero-padded post id."""
        return f"auction:bids:{auction_id}"

    def user_bids(self, user_id: int) -> str:
        """List: a user's bids, the auction's id and the post id of each, in the order in which they were decided.
        Shared by all marathons, so some may be of another one."""
        return str(user_id).join(self.own_bids)

    @property
    def own_bids(self) -> tuple[str, str]:
        """The parts of the name `user_bids` before and after the user's id."""
        return "users:", ":bids"

    # ---- what comes in

    def queue(self, reader: str) -> str:
        """Stream: the input queue of an auction (its id) or of another reader of this marathon (its name, which the
        other marathons of the store have too), packed batches of commands."""
        return f"queue:{reader}" if reader.startswith(f"{self.marathon_id}-") else f"queue:{self.marathon_id}-{reader}"

    @property
    def own_posts(self) -> str:
        """Hash: each post of ours about an auction, but not its auction post, with the auction's id. Posts whose
        replies are not read any more are deleted when the next auction post is made."""
        return f"own-posts:{self.marathon_id}"

    @property
    def awaiting_author(self) -> str:
        """The name of the input queue in which replies that X pushed without their author wait for the look-up."""
        return "nameless"

    def searched(self, auction_id: str) -> str:
        """String: up to when (UTC ms) the conversation was searched once; the posts found are queued or decided."""
        return f"searched:{auction_id}"

    def looked(self, auction_id: str) -> str:
        """String, checksum and JSON: each source's looks after the watermark; the posts found are queued or decided."""
        return f"looked:{auction_id}"

    def segment(self, auction_id: str, number: int) -> str:
        """String: older bids of the auction, packed away. The auction's checkpoint names its segments."""
        return f"segment:{auction_id}:{number}"

    @property
    def chain(self) -> str:
        """Hash: how far the chain was read: the number and time of the last block that was read, the number up to
        which all is finalized, the time of the newest head, and whether the chain counts as down."""
        return f"chain:{self.marathon_id}"

    @property
    def dead(self) -> str:
        """Stream: dead letters, each with its bytes, error and attempts."""
        return f"dead:{self.marathon_id}"

    # ---- the layout, the log and its writers

    @property
    def version(self) -> str:
        """String: the version of the layout of this marathon's keys (`layout`)."""
        return f"version:{self.marathon_id}"

    @property
    def log(self) -> str:
        """Stream: packed events. An entry's id is `<seq of its last event>-<number of its events>`."""
        return f"log:{self.marathon_id}"

    @property
    def seq(self) -> str:
        """String: how many events the log has, which is the seq of the last one."""
        return f"seq:{self.marathon_id}"

    @property
    def generation(self) -> str:
        """String: the name of this history of the log; viewers of another one start anew."""
        return f"generation:{self.marathon_id}"

    @property
    def heads(self) -> str:
        """Hash: for each writer `<incarnation> <sequence> <chain>`: who may write, and where its chain ends."""
        return f"heads:{self.marathon_id}"

    @property
    def lease(self) -> str:
        """String that expires: the token of the process that owns the marathon."""
        return f"lease:{self.marathon_id}"

    @property
    def owner(self) -> str:
        """String: the token of the process that took the lease last, which may take an ended lease again."""
        return f"owner:{self.marathon_id}"

    @property
    def alive(self) -> str:
        """String: the house's last sign of life (UTC ms), renewed in the commit that makes up for an outage."""
        return f"alive:{self.marathon_id}"

    @property
    def x_away(self) -> str:
        """String, since when (UTC ms) X cannot be reached; deleted in the commit that makes up for the outage."""
        return f"x-away:{self.marathon_id}"

    def x_held(self, kind: str) -> str:
        """String that expires when X may be asked this again: a later process keeps to a window that is used up."""
        return f"x-held:{self.marathon_id}:{kind}"

    def checkpoint(self, writer: str) -> str:
        """String: the writer's state as of a place in the log, versioned and checksummed."""
        return f"checkpoint:{self.marathon_id}:{writer}"

    def previous_checkpoint(self, writer: str) -> str:
        """String: the checkpoint before, for when the current one is damaged."""
        return f"{self.checkpoint(writer)}:previous"

    def kinds(self, days: Mapping[str, int], writers: Iterable[str]) -> dict[str, str]:
        """The type of every key beside the log that this marathon may have, for these auctions (each with the number
        of its day) and writers. Without segments, which checkpoints name."""
        kinds = dict.fromkeys((self.config, self.generation, self.alive, self.x_away), "string")
        kinds |= {self.current: "hash", self.own_posts: "hash", self.chain: "hash", self.dead: "stream"}
        for auction_id, day in days.items():
            kinds |= {self.day(day): "hash", self.bids(auction_id): "zset", self.queue(auction_id): "stream"}
            kinds |= {self.searched(auction_id): "string", self.looked(auction_id): "string"}
        for name in ("house", self.awaiting_author):
            kinds[self.queue(name)] = "stream"
        for writer in writers:
            kinds |= {self.checkpoint(writer): "string", self.previous_checkpoint(writer): "string"}
        return kinds
