"""Writes docs/reference/ from the code and openapi.json, and the notebook from its page: `make docs`.

A test finds out when they are old.
"""

import ast
import dataclasses
import inspect
import json
import re
import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from server import http

import whatsit
from whatsit.cli import HELP_LINES
from whatsit.cli import whatsit as shell
from whatsit.option import METHODS, default_in_words, options_of

DOCS = Path(__file__).parent
NOTEBOOKS = ("networks",)  # pages that are notebooks, too
FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)
NOTE = "<!-- Written by docs/generate.py from the code: change that, then `make docs`. -->"
RETURNED = (
    "whatsit.training.run.Trained",
    "whatsit.api.Evaluated",
    "whatsit.training.compare.run.Compared",
    "whatsit.training.compare.result.Comparison",
    "whatsit.training.compare.result.Pair",
    "whatsit.training.compare.trial.Trial",
    "whatsit.training.tune.run.Tuned",
    "whatsit.model.prediction.Prediction",
    "whatsit.model.prediction.Candidate",
    "whatsit.model.explain.Explanation",
    "whatsit.model.similar.Similar",
    "whatsit.model.similar.SimilarPhoto",
    "whatsit.evaluation.figures.Evaluation",
    "whatsit.evaluation.figures.Figure",
    "whatsit.evaluation.figures.ClassFigures",
    "whatsit.evaluation.figures.Answered",
)
"""What the public functions give and take, beside the public names themselves."""


def pages() -> dict[str, str]:
    """File name below docs/ → text."""
    reference = {"reference/cli.md": cli(), "reference/python.md": python(), "reference/http.md": http()}
    return reference | {f"{name}.ipynb": notebook((DOCS / f"{name}.md").read_text("utf-8")) for name in NOTEBOOKS}


def notebook(page: str) -> str:
    """Python and commands become cells to run, all else is text. What they print is left out: the notebook shows it."""
    cells, end = [], 0
    for block in FENCE.finditer(page):
        if block["kind"] == "sh":
            continue
        cells += _text(page[end : block.start()])
        if block["kind"] == "console":
            commands = re.findall(r"^\$ (.+)$", block["text"], re.MULTILINE)
            cells.append(_cell("code", "\n".join(f"!{command}" for command in commands)))
        elif block["kind"] == "python":
            cells.append(_cell("code", block["text"].strip()))
        end = block.end()
    cells += _text(page[end:])
    numbered = [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells, 1)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": numbered, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _text(markdown: str) -> list[dict[str, Any]]:
    return [_cell("markdown", markdown.strip())] if markdown.strip() else []


def _cell(kind: str, source: str) -> dict[str, Any]:
    more = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True), **more}


def cli() -> str:
    parts = [NOTE, "# The command line", _help()]
    for name in HELP_LINES:
        parts += [f"## whatsit {name}", _help(name)]
    codes = "Exit codes: 0 fine; 1 the user's mistake, or an image that failed; 2 wrong usage; 130 interrupted."
    return "\n\n".join([*parts, codes, ""])


def _help(*command: str) -> str:
    result = CliRunner().invoke(shell, [*command, "--help"], prog_name="whatsit", terminal_width=80)
    return f"```text\n{result.output.strip()}\n```"


def python() -> str:
    intro = f"`import whatsit`, version {whatsit.__version__}. Every error is a `whatsit.WhatsitError`."
    parts = [NOTE, "# The Python interface", intro]
    for name in sorted(set(whatsit.__all__) - {"__version__"}, key=str.lower):
        parts.append(_entry(f"whatsit.{name}", getattr(whatsit, name)))
    parts.append("# What they give and take")
    for path in RETURNED:
        module, _, name = path.rpartition(".")
        parts.append(_entry(name, getattr(import_module(module), name)))
    return "\n\n".join([*parts, ""])


def _entry(title: str, value: Any) -> str:
    parts = [f"## {title}"]
    source = _definition(value)
    if isinstance(source, ast.FunctionDef):
        return "\n\n".join([*parts, _code(_signature(value)), _prose(value)])
    if dataclasses.is_dataclass(value):
        parts += [_prose(value), _options(value) if options_of(value) else _code(_fields(value))]
    elif issubclass(value, Exception) or hasattr(value, "load"):  # made elsewhere
        parts.append(_prose(value))
    else:
        parts += [_code(_signature(value.__init__)), _prose(value)]
    for name, member in vars(value).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if inspect.isfunction(function) and not name.startswith("_"):
            parts += [
                f"### {title.rpartition('.')[2]}.{name.strip('_')}",
                _code(_signature(function)),
                _prose(function),
            ]
    return "\n\n".join(part for part in parts if part)


def _definition(value: Any) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]


def _signature(function: Any) -> str:
    """As it stands in the source, up to the docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    lines = source.splitlines()[node.lineno - 1 : node.body[0].lineno - 1]
    return "\n".join(lines).rstrip().removesuffix(":")


def _fields(value: Any) -> str:
    """The fields of a dataclass as they stand in the source, with the reasons beside them."""
    source = textwrap.dedent(inspect.getsource(value))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.ClassDef)
    fields = [child for child in node.body if isinstance(child, ast.AnnAssign)]
    if not fields:
        return ""
    lines = source.splitlines()[fields[0].lineno - 1 : fields[-1].end_lineno]
    return "\n".join([f"class {node.name}:", *lines])


def _options(value: Any) -> str:
    """A table of a dataclass's options, as they are described."""
    described = options_of(value)
    rows = ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
    for one in dataclasses.fields(value):
        kind = one.type if isinstance(one.type, str) else inspect.formatannotation(one.type)
        if (option := described.get(one.name)) is None:
            rows.append(f"| `{one.name}` | `{_cell_text(kind)}` | | |")
            continue
        only = "" if option.methods == METHODS else f" Only {' and '.join(option.methods)}."
        searched = f" Searched by `tune` ({', '.join(option.search)})." if option.search else ""
        same = "" if option.changes_weights else " May change when a training is resumed."
        words = [one.name, kind, default_in_words(option, one.default), f"{option.help}{only}{searched}{same}"]
        name, kind, default, meaning = map(_cell_text, words)
        rows.append(f"| `{name}` | `{kind}` | {default} | {_escaped(meaning)} |")
    return "\n".join(rows)


def _cell_text(text: str) -> str:
    return text.replace("typing.", "").replace("|", "\\|")


def _code(text: str) -> str:
    return f"```python\n{text}\n```" if text else ""


def _prose(value: Any) -> str:
    """The docstring as Markdown: `<` is no tag, and an indented block stays code."""
    text = inspect.getdoc(value) or ""
    return re.sub(r"^(?!    )(.*)$", lambda m: _escaped(m[0]), text, flags=re.MULTILINE)


def _escaped(line: str) -> str:
    pieces = re.split(r"(`[^`]*`)", line)
    return "".join(piece if piece.startswith("`") else piece.replace("<", "\\<") for piece in pieces)


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
