"""`whatsit models …`: one function a command, all on a `Repository`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from whatsit.cli.options import GroupedCommand, described, device_option, json_line, json_option, take
from whatsit.cli.progress import bar
from whatsit.config import ReadOptions
from whatsit.images.limits import Limits

if TYPE_CHECKING:
    from whatsit.model.versions.store import Repository

repository_option = click.option(
    "--repository",
    "root",
    metavar="DIR",
    envvar="WHATSIT_REPOSITORY",
    default="models",
    help="Where the models lie (default: WHATSIT_REPOSITORY, or models).",
)
name_argument = click.argument("name")
version_argument = click.argument("version")
number_argument = click.argument("version", type=click.IntRange(1))


@click.group(name="models", epilog="Example: whatsit models add pets-model --name pets")
def command() -> None:
    """Keep numbered versions of a model, and say which one answers.

    A repository is a folder, <name>/<version>/, that 'whatsit serve' and NVIDIA Triton serve as it is. VERSION is a
    number or an alias, such as default.
    """


@command.command(epilog="Example: whatsit models add pets-model --name pets --alias staging")
@click.argument("model")
@click.option("--name", help="What it is a version of (default: the model's own name).")
@click.option("--alias", "aliases", multiple=True, help="Another name for this version; may be given again.")
@click.option("--default", is_flag=True, help="It answers from now on. The first version does so anyway.")
@repository_option
@json_option
def add(model: str, name: str | None, aliases: tuple[str, ...], default: bool, root: str, as_json: bool) -> None:
    """Copy the model folder MODEL in, as the next version."""
    done = _open(root).add(model, name, default=default, aliases=aliases)
    for warning in done.warnings:
        click.echo(f"Warning: {_one_line(warning)}", err=True)
    rank = "the default" if done.version == done.default else f"the default is still version {done.default}"
    value = {"name": done.name, "version": done.version, "default": done.default, "warnings": done.warnings}
    _say(f"{done.name}: added version {done.version}, {rank}", value, as_json)


@command.command(name="list", epilog="Example: whatsit models list")
@click.argument("name", required=False)
@repository_option
@json_option
def list_(name: str | None, root: str, as_json: bool) -> None:
    """Show the versions of all models, or of NAME."""
    from whatsit.model.versions.entries import models
    from whatsit.model.versions.terminal import listing

    repository = _open(root)
    found = models(repository, name)
    if as_json:
        click.echo(json_line({"repository": root, "models": [model.to_dict() for model in found]}))
        return
    for model in found:
        if model.problem:
            click.echo(f"Warning: {_one_line(model.problem)}", err=True)
    nothing = f"{_one_line(str(repository.root))}: no models yet. Add one: whatsit models add MODEL"
    click.echo("\n\n".join(listing(model) for model in found) or nothing)


@command.command(epilog="Example: whatsit models show pets 3")
@name_argument
@click.argument("version", default="default")
@repository_option
@json_option
def show(name: str, version: str, root: str, as_json: bool) -> None:
    """Show all that is known of a version.

    Without VERSION, of the default.
    """
    from whatsit.model.versions.entries import sound_entry
    from whatsit.model.versions.terminal import details

    repository = _open(root)
    entry = sound_entry(repository, name, repository.version(name, version))
    click.echo(json_line(entry.all_facts()) if as_json else details(entry))


@command.command(epilog="Example: whatsit models default pets 3")
@name_argument
@version_argument
@repository_option
@json_option
def default(name: str, version: str, root: str, as_json: bool) -> None:
    """Let VERSION answer from now on."""
    repository = _open(root)
    number = repository.version(name, version)
    repository.set_default(name, number)
    _say_default(name, number, as_json)


@command.command(epilog="Example: whatsit models rollback pets")
@name_argument
@repository_option
@json_option
def rollback(name: str, root: str, as_json: bool) -> None:
    """Go back to the default before this one.

    A second time, forth again.
    """
    _say_default(name, _open(root).rollback(name), as_json)


@command.command(epilog="Example: whatsit models alias pets staging 4")
@name_argument
@click.argument("alias")
@click.argument("version", required=False)
@click.option("--remove", is_flag=True, help="Forget the alias.")
@repository_option
@json_option
def alias(name: str, alias: str, version: str | None, remove: bool, root: str, as_json: bool) -> None:
    """Give VERSION another name, or forget it."""
    repository = _open(root)
    if remove == (version is not None):
        raise click.UsageError("give either VERSION or --remove. Example: whatsit models alias pets staging 4")
    number = None
    if version is None:
        repository.remove_alias(name, alias)
    else:
        number = repository.version(name, version)
        repository.set_alias(name, alias, number)
    told = f"is version {number} now" if number else "is forgotten"
    _say(f"{name}: {alias} {told}", {"name": name, "alias": alias, "version": number}, as_json)


@command.command(cls=GroupedCommand, epilog="Example: whatsit models compare pets default 4")
@name_argument
@click.argument("v1")
@click.argument("v2")
@click.argument("data", required=False)
@repository_option
@device_option
@described(Limits, "evaluate")
@json_option
@described(ReadOptions, "evaluate")
def compare(
    name: str,
    v1: str,
    v2: str,
    data: str | None,
    root: str,
    device: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Say which of two versions is better.

    They are compared on the photos that both were tested on, or on DATA, a folder of class folders or a CSV manifest;
    photos that either of them learned from do not count.
    """
    from whatsit.model.versions.comparison import compare as compared
    from whatsit.model.versions.terminal import comparison

    repository = _open(root)
    first, second = repository.version(name, v1), repository.version(name, v2)
    limits, reading = take(values, Limits), take(values, ReadOptions)
    done = compared(
        repository, name, first, second, data, device=device or "cpu", limits=limits, reading=reading, progress=bar
    )
    click.echo(json_line(done.to_dict()) if as_json else comparison(done))


@command.command(epilog="Example: whatsit models remove pets 2")
@name_argument
@number_argument
@click.option("--force", is_flag=True, help="Also where it is the default: another then takes its place.")
@repository_option
@json_option
def remove(name: str, version: int, force: bool, root: str, as_json: bool) -> None:
    """Delete a version. Its number is not given again."""
    done = _open(root).remove(name, version, force=force)
    value = {"name": name, "version": version, "aliases": done.aliases, "default": done.default}
    gone = f" ({', '.join(done.aliases)})" if done.aliases else ""
    now = f"the default is version {done.default}" if done.default else "no version is left"
    _say(f"{name}: removed version {version}{gone}; {now}", value, as_json)


@command.command(epilog="Example: whatsit models prune pets --keep 5")
@name_argument
@click.option("--keep", type=click.IntRange(1), required=True, help="How many of the newest stay.")
@repository_option
@json_option
def prune(name: str, keep: int, root: str, as_json: bool) -> None:
    """Delete old versions, but none that has an alias."""
    gone = _open(root).prune(name, keep)
    told = f"removed {', '.join(map(str, gone))}" if gone else "nothing to remove"
    _say(f"{name}: {told}", {"name": name, "removed": gone}, as_json)


def _open(root: str) -> "Repository":
    from whatsit.model.versions.store import Repository

    return Repository(root)


def _one_line(text: str) -> str:
    from whatsit.text import printable

    return printable(text)


def _say(text: str, value: Mapping[str, Any], as_json: bool) -> None:
    click.echo(json_line(value) if as_json else text)


def _say_default(name: str, version: int, as_json: bool) -> None:
    _say(f"{name}: version {version} is the default now", {"name": name, "default": version}, as_json)
