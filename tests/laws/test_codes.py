"""Every refusal code of the ledger is raised by a test, and every message is accepted by one."""

from __future__ import annotations

import importlib
import pkgutil

from tools.vectors import cases

import tests.unit.ledger
from tests.cases import RAISED
from yilian.ledger import errors
from yilian.ledger.modules import MODULES

OTHER_ROOMS = 9_000
"""From this number on codes are other rooms', under a capability's word too."""


def _raised() -> set[str]:
    for found in pkgutil.iter_modules(tests.unit.ledger.__path__, "tests.unit.ledger."):
        importlib.import_module(found.name)
    by_case = {errors.by_number(case.code).name for case in cases().values() if case.code}
    return by_case | set(RAISED)


def test_every_code_of_the_ledger_is_raised() -> None:
    raised = _raised()
    named = _of_the_ledger()
    assert [each for each in named if each not in raised] == []


def _of_the_ledger() -> list[str]:
    """List the envelope's and the capabilities' codes; other rooms register theirs beside them."""
    capabilities = {module.name for module in MODULES}
    return [
        each.name
        for each in errors.every()
        if each.number < 100 * (len(MODULES) + 1)
        or (each.number < OTHER_ROOMS and each.name.split(".")[0] in capabilities)
    ]


def test_codes_are_in_their_capabilitys_hundred() -> None:
    first = {module.name: 100 * (place + 1) for place, module in enumerate(MODULES)}
    for name in _of_the_ledger():
        number = errors.by_name(name).number
        capability = name.split(".")[0] if "." in name else None
        low = first[capability] if capability else 0
        assert low <= number < low + 100, f"{name} is {number}"
