"""What every part of the demo stands on: words in two languages, commands, proofs, the node.

A command is printed as anyone can type it. Those that start, check or serve a node run as a process
of their own; the others run through the command line's own entry point in this process, because to
start Python a hundred times takes a minute.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from yilian import cli
from yilian.node.config import NodeFolder

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
DEMO = ROOT / ".demo"
NODE = DEMO / "node"
CHINESE = os.environ.get("YILIAN_LANGUAGE", os.environ.get("LANG", "")).lower().startswith("zh")

_PROCESSES = ("init", "node", "up")
TOLD = 2
"""How many calls of Python are printed beside a command; the story has all that were told."""

_steps: list[dict[str, Any]] = []
"""What happened so far, as the portal's page of the story shows it."""


class Somebody(NamedTuple):
    """Who acts: an id, its key file, the organisation where it is at home, and a name to print.

    `node` is the address of that organisation's own node, where several run.
    """

    id: str
    key: Path
    home: str
    name: str
    node: str = ""

    @property
    def at_home(self) -> tuple[str | Path, ...]:
        """Give the options by which `yilian organisation ...` runs as this somebody."""
        return ("--organisation", self.home, *self._signing, *self.asks)

    @property
    def on_chain(self) -> tuple[str | Path, ...]:
        """Give the options by which a message of a capability is signed by this somebody."""
        return (*self._signing, "--payer", self.home, *self.asks)

    @property
    def asks(self) -> tuple[str, ...]:
        """Give the option by which a command asks this somebody's own node."""
        return ("--node", self.node) if self.node else ()

    @property
    def _signing(self) -> tuple[str | Path, ...]:
        return ("--sender", self.id, "--key", self.key)


class Traders(NamedTuple):
    """Who makes medicines and brings them to patients, and the regulator of that trade."""

    maker: Somebody
    wholesaler: Somebody
    pharmacy: Somebody
    regulator: Somebody


class Stage(NamedTuple):
    """The organisations of the demo: two hospitals, the authority that licenses, the traders."""

    a: Somebody
    b: Somebody
    authority: Somebody
    traders: Traders | None = None

    @property
    def members(self) -> tuple[Somebody, ...]:
        """Give all of them, as members who vote."""
        return (self.a, self.b, self.authority, *(self.traders or ()))


def said(english: str, chinese: str) -> str:
    """Choose the sentence of the reader's language."""
    return chinese if CHINESE else english


def _both(english: str, chinese: str) -> dict[str, str]:
    return {"en": english, "zh-CN": chinese}


def _part(kind: str, **more: Any) -> None:
    if _steps:
        _steps[-1]["parts"].append({"kind": kind, **more})


def see(page: str) -> None:
    """Name the portal's page that shows what just happened; only the story has it."""
    _part("see", page=page)


def write_story(people: Sequence[dict[str, Any]]) -> None:
    """Leave the story where the node finds it, with the links of those who may come in."""
    story = {"people": list(people), "steps": _steps}
    NodeFolder(NODE).story.write_text(json.dumps(story, ensure_ascii=False), "utf-8")
    with urllib.request.urlopen(f"{os.environ['YILIAN_NODE']}/story.json", timeout=30) as answer:
        require(json.load(answer) == story, "the node tells the story", "节点能够讲述这个故事")


def say(english: str, chinese: str) -> None:
    """Print a heading."""
    _steps.append({"title": _both(english, chinese), "parts": []})
    text = said(english, chinese)
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def tell(english: str, chinese: str) -> None:
    """Print what happens next inside a chapter."""
    _part("tell", words=_both(english, chinese))
    print(f" - {said(english, chinese)}", flush=True)


def proof(english: str, chinese: str) -> None:
    """Print what shows that it happened."""
    _part("proof", words=_both(english, chinese))
    print(f"   {said(english, chinese)}", flush=True)


def require(holds: bool, english: str, chinese: str) -> None:
    """End the demo where something that it says does not hold."""
    if not holds:
        sys.exit(said(f"   NOT SO: {english}", f"   与所述不符：{chinese}"))


def show(*words: str | Path, goes_on: bool = False) -> None:
    """Print a command line with paths as seen from the clone; one that goes on ends with `&`."""
    line = shlex.join(_seen(str(each)) for each in words)
    _part("command", line=line, python=[])
    print(f"   $ {line}{' &' * goes_on}", flush=True)


def _seen(text: str) -> str:
    """Write paths as seen from the clone."""
    return text.replace(f"{ROOT}/", "")


def command(*words: str | Path, expect: int = 0) -> dict[str, Any]:
    """Print a command and the same in Python, run it, and give what `--json` answered.

    `expect` is its exit code.
    """
    show("yilian", *words)
    if words[0] in _PROCESSES:
        code, out, problems = _process(_with(words, "--json"))
    else:
        code, out, problems = _here(_with(words, "--json", "--python"))
        _python(problems)
    if code != expect:
        sys.exit(f"   exit code {code}, expected {expect}\n{out}{problems}")
    return dict(json.loads(out))


def _python(problems: str) -> None:
    """Print what a command told of itself as Python, and keep it for the story."""
    told = [_seen(line[4:]) for line in problems.splitlines() if line.startswith(">>> ")]
    if not told:
        return
    if _steps:
        _steps[-1]["parts"][-1]["python"] = told
    calls = [line for line in told if line.startswith("client.")]
    for line in calls[:TOLD]:
        print(f"   >>> {line}", flush=True)


def quietly(*words: str | Path) -> dict[str, Any]:
    """Run a command that was shown already, in this process, whatever its exit code is."""
    return dict(json.loads(_here(_with(words, "--json"))[1]))


def _with(words: Sequence[str | Path], *options: str) -> list[str]:
    typed = [str(each) for each in words]
    # An id may begin with a dash, so positional ids stand behind `--`, and options before it.
    place = typed.index("--") if "--" in typed else len(typed)
    return [*typed[:place], *options, *typed[place:]]


def patiently(*words: str | Path, until: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Print a command once and run it until its answer is as wanted, for a minute at most."""
    show("yilian", *words)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = quietly(*words)
        if until(answer):
            return answer
        time.sleep(0.1)
    sys.exit(f"   not within a minute\n{answer}")


def refused(*words: str | Path) -> dict[str, Any]:
    """Run a command that must be refused, print its refusal code, and give the error."""
    answer = command(*words, expect=1)
    error: dict[str, Any] = answer.get("error") or {"code": "", "parameters": {}}
    if error["code"]:
        reasons = error["parameters"].get("reasons", "")
        code = f"{error['code']} ({reasons})" if reasons else error["code"]
        proof(f"refused: {code} – {error['title']}", f"被拒绝：{code}，{error['title']}")
    return error


def _process(typed: list[str]) -> tuple[int, str, str]:
    ran = subprocess.run(
        [str(BIN / "yilian"), *typed], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout, ran.stderr


def _here(typed: list[str]) -> tuple[int, str, str]:
    out, problems = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(problems):
        code = cli.main(typed)
    return code, out.getvalue(), problems.getvalue()


class Up:
    """A command that goes on running, and what it answered once it was ready."""

    def __init__(self, *words: str | Path, log: str = "node.log") -> None:
        with (DEMO / log).open("ab") as file:
            self.process = subprocess.Popen(
                [str(BIN / "yilian"), *map(str, words), "--json"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        atexit.register(self.stop)

    @functools.cached_property
    def answer(self) -> dict[str, Any]:
        """Wait until it is ready, or has failed; empty where it ended without a word."""
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline() or "{}"))

    def stop(self) -> None:
        """End it and wait until its stores are closed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def up() -> Up:
    """Start the node at PORT, or at a free port where that one is taken."""
    wanted = int(os.environ.get("PORT", "8420"))
    for port in (wanted, 0):
        show("yilian", "up", NODE, *([] if port == 8420 else ["--port", str(port)]))
        started = Up("up", NODE, "--port", str(port))
        if started.answer.get("ok"):
            os.environ["YILIAN_NODE"] = started.answer["address"]
            return started
        proof(f"port {port} is taken; taking a free one", f"端口 {port} 已被占用；改用空闲端口")
    sys.exit(f"   the node does not start; see {DEMO.relative_to(ROOT)}/node.log")
