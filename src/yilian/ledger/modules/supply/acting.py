"""Who sends: an organisation in its own name, and a regulator among the members."""

from __future__ import annotations

from yilian.ledger.module import Context
from yilian.ledger.modules.governance.state import is_member
from yilian.ledger.modules.identity.state import require_own_act, speaking_for, subject
from yilian.ledger.modules.supply.errors import NOT_A_REGULATOR


def acting(context: Context) -> str:
    """Name the organisation that sends, itself or by its agent, and for no person."""
    require_own_act(context)
    return speaking_for(context)


def regulates(context: Context, organisation: str) -> bool:
    """Tell whether an organisation is a member and a regulator."""
    kind = subject(context.state, organisation).organisation_kind
    return kind == "regulator" and is_member(context.state, organisation)


def regulating(context: Context) -> str:
    """Name the regulator that sends; refuses everybody else."""
    organisation = acting(context)
    if not regulates(context, organisation):
        raise NOT_A_REGULATOR()
    return organisation
