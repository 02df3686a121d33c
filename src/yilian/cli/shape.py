"""Commands and options whose help speaks the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import click

from yilian.cli.console import Console
from yilian.text import LANGUAGES

_HELP = {"help_option_names": ["-h", "--help"]}


class Option(click.Option):
    """An option; `note` says what it means."""

    def __init__(self, console: Console, names: Sequence[str], note: str, **settings: Any) -> None:
        super().__init__(list(names), help=note, **settings)
        self._console = console

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Give the option and what it means, with the marks of `cli/help`."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        marks = []
        if self.required:
            marks.append(self._console.words("help/required"))
        if isinstance(self.envvar, str):
            marks.append(self._console.words("help/environment", name=self.envvar))
        return record[0], f"{self.help} {' '.join(f'[{mark}]' for mark in marks)}".rstrip()


class _Shape(click.Command):
    console: Console

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))
        prefix = self.console.words("help/usage") + " "
        formatter.write_usage(ctx.command_path, pieces, prefix)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = [each.get_help_record(ctx) for each in self.get_params(ctx)]
        with formatter.section(self.console.words("help/options")):
            formatter.write_dl([each for each in records if each is not None])

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = self.console.words("help/help")
        return option


class Command(_Shape):
    """A command; its callback gives the exit code."""

    def __init__(
        self,
        console: Console,
        name: str,
        about: str,
        callback: Callable[..., int],
        params: Sequence[click.Parameter] = (),
    ) -> None:
        self.console = console
        own = [*params, *everywhere(console)]
        super().__init__(name, callback=callback, params=own, help=about, short_help=about)
        self.context_settings.update(_HELP)


class Group(_Shape, click.Group):
    """A noun: commands that are given, and commands that are loaded when they are asked for."""

    def __init__(
        self,
        console: Console,
        name: str,
        about: str,
        commands: Sequence[click.Command] = (),
        modules: dict[str, str] | None = None,
    ) -> None:
        self.console = console
        self._modules = modules or {}
        super().__init__(
            name,
            commands={str(each.name): each for each in commands},
            params=everywhere(console),
            help=about,
            short_help=about,
            no_args_is_help=True,
            # Set by `Console` before any command is built, so the callback has nothing to do.
            callback=lambda **_: None,
        )
        self.context_settings.update(_HELP)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, in the order of the list."""
        return [*self._modules, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command, loading its module where it has one."""
        home = self._modules.get(cmd_name)
        if home is None:
            return super().get_command(ctx, cmd_name)
        module, _, maker = home.partition(":")
        made: click.Command = getattr(import_module(module), maker or "command")(self.console)
        return made

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, with the first sentence of each, and then the options."""
        rows = []
        for name in self.list_commands(ctx):
            found = None if name in self._modules else self.commands[name]
            about = found.short_help if found else self.console.words(f"nouns/{name}")
            rows.append((name, about or ""))
        with formatter.section(self.console.words("help/commands")):
            formatter.write_dl(rows)
        super().format_options(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write nothing: the commands stand before the options."""


class Choice(click.Choice[str]):
    """One of some words; the error speaks the reader's language."""

    def __init__(self, console: Console, words: Sequence[str]) -> None:
        super().__init__(list(words))
        self._console = console

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse another word."""
        if value not in self.choices:
            listed = ", ".join(self.choices)
            raise self._console.usage("choice", name=option_name(param), choices=listed)
        return str(value)


def everywhere(console: Console) -> list[click.Parameter]:
    """Make the options that every command has; `Console` has read them already."""
    return [
        Option(
            console,
            ["--json", "as_json"],
            console.words("help/json"),
            is_flag=True,
            expose_value=False,
        ),
        Option(
            console,
            ["--python", "as_python"],
            console.words("help/python"),
            is_flag=True,
            expose_value=False,
        ),
        Option(
            console,
            ["--language"],
            console.words("help/language"),
            type=Choice(console, LANGUAGES),
            metavar="|".join(LANGUAGES),
            expose_value=False,
        ),
    ]


def option_name(param: click.Parameter | None) -> str:
    """Name an option as it is typed, and an argument by its place in the usage line."""
    if param is None:
        return "?"
    if isinstance(param, click.Argument):
        return str(param.metavar or param.human_readable_name)
    return param.opts[0]
