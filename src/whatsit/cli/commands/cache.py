"""`whatsit cache`."""

import click

from whatsit.cli.options import cache_option, json_line, json_option


@click.command(name="cache", epilog="Example: whatsit cache --clear")
@click.option("--clear", is_flag=True, help="Remove every embedding and network; they are made anew when needed.")
@cache_option
@json_option
def command(clear: bool, cache: str | None, as_json: bool) -> None:
    """Show what the embedding cache holds, or clear it."""
    from whatsit.embedding.location import cache_contents, cache_folder, clear_cache

    folder = cache_folder(cache)
    if clear:
        freed = clear_cache(folder)
        click.echo(json_line({"freed": freed}) if as_json else f"{folder}: freed {_size(freed)}")
        return
    entries = cache_contents(folder)
    if as_json:
        rows = [
            {
                "backbone": e.backbone,
                "network": e.is_network,
                "vectors": e.vectors,
                "bytes": e.bytes,
                "file": str(e.file),
            }
            for e in entries
        ]
        click.echo(json_line({"folder": str(folder), "entries": rows}))
        return
    click.echo(f"{folder}: {_size(sum(e.bytes for e in entries))}")
    for entry in entries:
        count = "network" if entry.is_network else "damaged" if entry.vectors is None else f"{entry.vectors:,} vectors"
        click.echo(f"  {entry.file.stem:<46}{count:>18}{_size(entry.bytes):>12}")


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1000
    raise AssertionError
