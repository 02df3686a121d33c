"""Carry the built portal in wheel and sdist: build it where it is absent, fail where it still is.

An editable install serves what `make portal` built, and so never needs Node.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PortalHook(BuildHookInterface[Any]):
    """Sees to `src/yilian/portal/dist/index.html` before anything is packed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the portal; `version` is `editable` for `pip install -e`."""
        if version == "editable":
            return
        root = Path(self.root)
        page = root / "src/yilian/portal/dist/index.html"
        script = root / "tools/portal.sh"
        if not page.exists() and script.exists():
            subprocess.run([str(script)], cwd=root, check=False)
        if not page.exists():
            raise RuntimeError(
                "The portal is not built, and a package without it has no pages for people. "
                "With Node 20.19 or later: make portal"
            )
