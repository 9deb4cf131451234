"""`whatsit completion`."""

import click


@click.command(name="completion", epilog='Example: eval "$(whatsit completion bash)" in your ~/.bashrc')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    from whatsit.cli import whatsit

    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(completion(whatsit, {}, "whatsit", "_WHATSIT_COMPLETE").source())
