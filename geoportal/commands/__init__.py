"""The verbs of the command line: each module exposes ``COMMANDS``, a tuple of click commands.

A module here imports only click and the standard library at its top, the rest inside its commands: ``--help`` reads
all of them and must stay immediate.
"""

import importlib
import pkgutil

import click


def load_commands() -> dict[str, click.Command]:
    """Import every module of this folder and return its commands by name."""
    found: dict[str, click.Command] = {}
    for module in pkgutil.iter_modules(__path__):
        commands: tuple[click.Command, ...] = importlib.import_module(f"{__name__}.{module.name}").COMMANDS
        found.update({str(command.name): command for command in commands})
    return found
