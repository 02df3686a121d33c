"""Schemathesis against our own document: whatever it sends, the answers are those described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.core.errors import CheckFailed  # noqa: F401
from schemathesis.generation import GenerationMode

from tests.http.node import Node
from tests.scale import scale

EXAMPLES = scale(8, 800)
