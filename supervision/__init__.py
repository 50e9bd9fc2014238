"""Supervision for pykka: an actor shell, its mailbox, and a supervisor that keeps actors running.

Read `actor` first (what an actor is), then `mailbox` (how it is reached), then `table` (when it is restarted). The
package uses pykka and the standard library only, and knows nothing about the purpose of the actors.
"""

from supervision.actor import Actor
from supervision.backoff import Backoff
from supervision.child import ChildSpec, Group, Restart
from supervision.context import Abandoned, Context, Exit, InjectedCrash, Ready
from supervision.mailbox import Delivery, Mailbox, MailboxFull
from supervision.status import ChildStatus, State
from supervision.supervisor import Supervisor
from supervision.table import GAVE_UP

__all__ = [
    "GAVE_UP",
    "Abandoned",
    "Actor",
    "Backoff",
    "ChildSpec",
    "ChildStatus",
    "Context",
    "Delivery",
    "Exit",
    "Group",
    "InjectedCrash",
    "Mailbox",
    "MailboxFull",
    "Ready",
    "Restart",
    "State",
    "Supervisor",
]
