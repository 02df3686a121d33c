"""The command line: `yilian <noun> <verb>`. A noun is a capability, or something of the node.

`main` gives the exit code (see `console.py`): 0 done or verified, 1 refused or not verified,
2 usage, 3 no node answers, 4 the node answers but cannot serve.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from yilian.cli.console import DONE, REFUSED, STOPPED, UNREACHABLE, USAGE, Console, language_of
from yilian.cli.shape import Group, option_name

COMMANDS: dict[str, str] = {
    "init": "yilian.cli.init",
    "up": "yilian.cli.up",
    "node": "yilian.cli.node",
    "network": "yilian.cli.network",
    "organisation": "yilian.cli.organisation",
    "identity": "yilian.cli.identity",
    "governance": "yilian.cli.governance",
    "consent": "yilian.cli.consent",
    "records": "yilian.cli.records",
    "care": "yilian.cli.care",
    "supply": "yilian.cli.supply",
    "scan": "yilian.cli.scan",
    "training": "yilian.cli.training",
    "verify": "yilian.cli.verify",
    "verify-export": "yilian.cli.verify_export",
    "witness": "yilian.cli.witness",
    "status": "yilian.cli.status",
    "receipt": "yilian.cli.receipt",
    "trust": "yilian.cli.trust",
    "keys": "yilian.cli.keys",
    "version": "yilian.cli.version",
}
"""Each noun and the module whose `command(console)` makes it; words stand under `cli: nouns`.

A module that makes several nouns names the function for each, as in `yilian.cli.node:up`.
"""

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; gives the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    console = Console(language_of(given, os.environ), "--json" in given, "--python" in given)
    try:
        code = root(console).main(given, prog_name="yilian", standalone_mode=False)
    except click.UsageError as error:
        return _usage(console, error)
    except click.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone; so that the interpreter's last flush does not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    except Exception as error:
        return _failed(console, error)
    return code if isinstance(code, int) else DONE


def root(console: Console) -> Group:
    """Make the tree of commands; a noun is loaded when it is asked for."""
    return Group(console, "yilian", console.words("about"), modules=COMMANDS)


def _usage(console: Console, error: click.UsageError) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return USAGE
    text = _said(console, error)
    console.note(text)
    if error.ctx is not None:
        console.note(console.words("usage/see_help", command=error.ctx.command_path))
    console.fail({"code": "usage", "title": text})
    return USAGE


def _said(console: Console, error: click.UsageError) -> str:
    """Say click's own errors in the reader's language; ours are said already."""
    words = console.words
    if isinstance(error, click.MissingParameter):
        return words("usage/missing", name=option_name(error.param))
    if isinstance(error, click.NoSuchOption):
        return words("usage/no_such_option", name=error.option_name)
    if isinstance(error, click.exceptions.NoSuchCommand):
        return words("usage/no_such_command", name=error.command_name)
    if isinstance(error, click.BadOptionUsage):
        return words("usage/option", name=error.option_name)
    if isinstance(error, click.BadParameter):
        return words("usage/value", name=option_name(error.param))
    if type(error) is click.UsageError:
        return words("usage/arguments")
    return error.message


def _failed(console: Console, error: Exception) -> int:
    """Say what went wrong between here and the node; gives the exit code."""
    from yilian.ledger.errors import Refusal
    from yilian.sdk import errors

    if isinstance(error, Refusal):
        return console.law_refused(error)
    if isinstance(error, errors.ProblemError):
        told = (error.title, error.detail, error.next)
        more = {"number": error.number, "hash": error.transaction, "height": error.height}
        code = console.refused(error.code, error.parameters, told, **more)
        return STOPPED if isinstance(error, errors.UnavailableError) else code
    if isinstance(error, errors.UnreachableError):
        return _plainly(console, UNREACHABLE, error.code, url=error.url)
    if isinstance(error, errors.AnswerError):
        return _plainly(console, UNREACHABLE, error.code, status=error.status)
    if isinstance(error, errors.PendingError):
        return _plainly(console, STOPPED, error.code, transaction=error.transaction)
    if isinstance(error, errors.KeyFileError):
        return _plainly(console, USAGE, error.code, path=error.path)
    raise error


def _plainly(console: Console, exit_code: int, code: str, **parameters: int | str) -> int:
    text = console.words(f"errors/{code}", **parameters)
    console.note(text)
    console.fail({"code": code, "parameters": parameters, "title": text})
    return exit_code


__all__ = ["COMMANDS", "main", "root"]
