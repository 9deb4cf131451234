"""A package of others adds a command."""

from click.shell_completion import ShellComplete
from plugins import Install

from whatsit.cli import whatsit

from .shell import Shell, process

SHOUT = '''
import click

@click.command()
@click.argument("word")
def command(word):
    """Say a word loudly."""
    click.echo(word.upper())
'''


def test_a_package_adds_a_command(installed: Install, shell: Shell) -> None:
    """As a user meets it: listed by `whatsit --help`, called by its name, and completed."""
    installed("whatsit-shout", SHOUT, commands={"shout": "command", "train": "command"})
    installed("whatsit-broken", "1 / 0\n", commands={"broken": "command"})
    said = shell("--help").out
    own, _, foreign = said.partition("Commands of other packages:")
    assert "train       Train a classifier" in own
    assert "shout   Say a word loudly." in foreign
    assert "the package whatsit-broken cannot be imported" in " ".join(foreign.split())
    assert shell("shout", "hello").out == "HELLO\n"
    assert process("shout", "hello").out == "HELLO\n"
    assert "Did you mean 'shout'?" in shell("shuot", "hello").err
    assert "whatsit shout [OPTIONS] WORD" in shell("shout", "--help").out
    assert "whatsit train [OPTIONS]" in shell("train", "--help").out
    failed = shell("broken")
    assert failed.code == 1
    assert failed.err.startswith("Error: command 'broken' of the package whatsit-broken cannot be imported")
    completion = ShellComplete(whatsit, {}, "whatsit", "_WHATSIT_COMPLETE")
    assert [one.value for one in completion.get_completions([], "sh")] == ["shout"]
    assert [one.value for one in completion.get_completions([], "b")] == []  # not one that is broken
