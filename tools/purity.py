"""The purity lint: what the law must not do, found in its syntax trees.

`python tools/purity.py` reads `src/yilian/ledger` and prints every breach; the exit code is 1 where
there is one. `breaches` is the same as a function. A text method that depends on Unicode tables is
allowed on a line with a comment `# ascii: <why the text is ASCII>`.

It reads syntax, not types: a set is known where it is written as one, annotated as one, or held
under a name that is either in the same file.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import NamedTuple

LEDGER = Path(__file__).resolve().parents[1] / "src" / "yilian" / "ledger"

MODULES = frozenset(
    [
        "_thread",
        "asyncio",
        "builtins",
        "calendar",
        "concurrent",
        "ctypes",
        "datetime",
        "fcntl",
        "ftplib",
        "getpass",
        "glob",
        "http",
        "importlib",
        "io",
        "locale",
        "lmdb",
        "logging",
        "marshal",
        "math",
        "mmap",
        "multiprocessing",
        "numpy",
        "os",
        "pathlib",
        "pickle",
        "platform",
        "queue",
        "random",
        "requests",
        "rocksdict",
        "secrets",
        "select",
        "selectors",
        "shelve",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "statistics",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "traceback",
        "unicodedata",
        "urllib",
        "uuid",
        "warnings",
        "weakref",
        "zoneinfo",
        "httpx",
    ]
)
"""Modules of input, output, chance, clocks, threads, locale, floats and object identity."""

BUILTINS = {
    "__import__": "imports by name",
    "compile": "runs text",
    "complex": "makes a float",
    "eval": "runs text",
    "exec": "runs text",
    "float": "makes a float",
    "globals": "reaches around the syntax",
    "hash": "depends on the hash seed",
    "id": "depends on the process",
    "input": "does input",
    "open": "does input or output",
    "print": "does output",
}
TEXT_METHODS = frozenset(
    [
        "capitalize",
        "casefold",
        "isalnum",
        "isalpha",
        "isdecimal",
        "isdigit",
        "isidentifier",
        "islower",
        "isnumeric",
        "isprintable",
        "isspace",
        "istitle",
        "isupper",
        "lower",
        "swapcase",
        "title",
        "upper",
    ]
)
ORDERED = frozenset(
    ["dict", "enumerate", "filter", "iter", "list", "map", "reversed", "tuple", "zip"]
)
"""Built-ins that give a set's arbitrary order on; `sorted`, `len`, `any` and the like do not."""

SET_METHODS = frozenset(["difference", "intersection", "symmetric_difference", "union"])
UNICODE_CLASSES = ("\\b", "\\d", "\\s", "\\w", "\\B", "\\D", "\\S", "\\W")


class Breach(NamedTuple):
    """One thing that the law must not do, and where."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def breaches(folder: Path = LEDGER) -> list[Breach]:
    """Find all breaches below a folder, in order of file and line."""
    found: list[Breach] = []
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text("utf-8")
        name = path.relative_to(folder).as_posix()
        found += [Breach(name, line, what) for line, what in _read(source)]
    return found


def _read(source: str) -> list[tuple[int, str]]:
    visitor = _Visitor(source.splitlines())
    tree = ast.parse(source)
    visitor.learn(tree)
    visitor.visit(tree)
    return sorted(set(visitor.found))


class _Visitor(ast.NodeVisitor):
    def __init__(self, lines: list[str]) -> None:
        self.found: list[tuple[int, str]] = []
        self._lines = lines
        self._sets: set[str] = set()
        self._caught: list[str] = []

    def _add(self, node: ast.expr | ast.stmt, what: str) -> None:
        self.found.append((node.lineno, what))

    # -- what is a set -------------------------------------------------------------------------

    def learn(self, tree: ast.Module) -> None:
        """Note every name that is somewhere bound to a set."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and self._is_set(node.value):
                for target in node.targets:
                    self._sets.add(ast.unparse(target))
            elif isinstance(node, ast.AnnAssign) and _says_set(node.annotation):
                self._sets.add(ast.unparse(node.target))
            elif isinstance(node, ast.arg) and node.annotation and _says_set(node.annotation):
                self._sets.add(node.arg)

    def _is_set(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.Name | ast.Attribute):
            return ast.unparse(node) in self._sets
        if isinstance(node, ast.BinOp):
            return self._is_set(node.left) or self._is_set(node.right)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id in ("set", "frozenset")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return node.func.attr in SET_METHODS or (
                node.func.attr == "copy" and self._is_set(node.func.value)
            )
        return False

    def _ordered(self, node: ast.expr) -> None:
        if self._is_set(node):
            self._add(node, "iterates over an unsorted set")

    # -- visits --------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            self._imported(node, each.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._imported(node, node.module or "")

    def _imported(self, node: ast.stmt, name: str) -> None:
        if name.split(".")[0] in MODULES:
            self._add(node, f"imports {name}")

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, float | complex):
            self._add(node, "has a float")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._divides(node, node.op)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._divides(node, node.op)
        self.generic_visit(node)

    def _divides(self, node: ast.expr | ast.stmt, operator: ast.operator) -> None:
        if isinstance(operator, ast.Div):
            self._add(node, "divides with / (use //)")

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id in BUILTINS:
            self._add(node, f"{node.id} {BUILTINS[node.id]}")

    def visit_For(self, node: ast.For) -> None:
        self._ordered(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._ordered(node.iter)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self._ordered(node.value)
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._ordered(node.value)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(target, ast.Tuple | ast.List) for target in node.targets):
            self._ordered(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name):
            if function.id in ORDERED:
                for each in node.args:
                    self._ordered(each)
            if function.id in ("str", "repr", "format") and node.args:
                self._told(node.args[0])
        elif isinstance(function, ast.Attribute):
            self._method(node, function)
        for keyword in node.keywords:
            if keyword.arg == "pattern":
                self._pattern(keyword.value)
        self.generic_visit(node)

    def _method(self, node: ast.Call, function: ast.Attribute) -> None:
        owner = function.value
        if function.attr in TEXT_METHODS and not _ascii(owner) and not self._excused(node):
            self._add(node, f".{function.attr}() depends on Unicode tables")
        if function.attr in ("join", "fromkeys", "extend"):
            for each in node.args:
                self._ordered(each)
        if function.attr == "pop" and not node.args and self._is_set(owner):
            self._add(node, "takes an arbitrary element of a set")
        if isinstance(owner, ast.Name) and owner.id == "re" and node.args:
            self._pattern(node.args[0])

    def _excused(self, node: ast.Call) -> bool:
        first, last = node.lineno, node.end_lineno or node.lineno
        return any("# ascii:" in line for line in self._lines[first - 1 : last])

    def _pattern(self, node: ast.expr) -> None:
        text = node.value if isinstance(node, ast.Constant) else ""
        if isinstance(text, str) and any(each in text for each in UNICODE_CLASSES):
            self._add(node, "has a pattern that depends on Unicode tables")

    # -- exception text ------------------------------------------------------------------------

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._caught.append(node.name or "")
        self.generic_visit(node)
        self._caught.pop()

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        self._told(node.value)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "args":
            self._told(node.value)
        self.generic_visit(node)

    def _told(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name) and node.id in self._caught:
            self._add(node, "uses the text of an exception")


def _ascii(owner: ast.expr) -> bool:
    """Tell whether text is a constant, or hex digits."""
    if isinstance(owner, ast.Constant):
        return True
    return (
        isinstance(owner, ast.Call)
        and isinstance(owner.func, ast.Attribute)
        and owner.func.attr == "hex"
    )


def _says_set(annotation: ast.expr) -> bool:
    outer = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(outer, ast.Name) and outer.id in ("set", "frozenset")


def main(arguments: list[str]) -> int:
    """Print the breaches of a folder, by default the ledger; gives the exit code."""
    found = breaches(Path(arguments[0]) if arguments else LEDGER)
    for each in found:
        print(each)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
