"""The house stands as it was planned: imports go one way, shells start fast, what is public is documented."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from patience import PATIENCE

import whatsit
from whatsit.cli import HELP_LINES
from whatsit.cli import whatsit as shell
from whatsit.training.run import Trained

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "whatsit"

ROOMS = (
    "errors",
    "text",  # names as they are shown
    "registry",  # what other packages can add
    "kinds",  # of values that an option takes
    "option",  # how an option is described
    "machine",  # what this process may use
    "notices",  # lines that a user should know before the result is there
    "progress",  # how far a long step is
    "files",  # atomic writing
    "decide",  # when an answer is "unsure"
    "images",
    "config",  # the choices of training
    "data",
    "embedding",
    "evaluation",
    "model",
    "training",
    "api",
    "sklearn",
    "demo",
    "serving",
    "cli",
    "__main__",
)
"""From left to right: a room imports from rooms to its left alone."""

HEAVY = ("PIL", "jinja2", "numpy", "onnx", "onnxruntime", "pyarrow", "scipy", "sklearn", "tqdm")
AT_RUN_TIME_NOT = ("jinja2", "matplotlib", "pandas", "pyarrow", "scipy", "sklearn")  # by `whatsit predict`
LONGEST = 400  # lines


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room_of(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(node: ast.AST) -> Iterator[str]:
    """The rooms that a module's code imports, wherever in it; not what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        names: list[str] = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports name the whole way: from whatsit.images import …"
            names = [f"{child.module}.{alias.name}" for alias in child.names]
        yield from (name.split(".")[1] for name in names if name.startswith("whatsit."))
        yield from imported_rooms(child)


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_one_way(module: Path) -> None:
    room = room_of(module)
    if room == "__init__":
        return  # the front door: names what is public, and imports it when asked
    assert room in ROOMS, f"a new room: say in tests/test_house.py where {room!r} stands"
    tree = ast.parse(module.read_text(encoding="utf-8"))
    known = set(ROOMS[: ROOMS.index(room) + 1]) | {"__version__"}
    assert set(imported_rooms(tree)) <= known


def test_evaluation_knows_no_other_room_but_the_rule_of_unsure() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (SOURCE / "evaluation").rglob("*.py")]
    assert {room for tree in trees for room in imported_rooms(tree)} == {"evaluation", "decide"}


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in modules()}
    del lengths["src/whatsit/config.py"]  # a table, to look up and not to read
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_modules_say_what_they_do() -> None:
    def undocumented(path: Path) -> bool:
        source = path.read_text(encoding="utf-8")
        return bool(source.strip()) and ast.get_docstring(ast.parse(source)) is None

    assert [str(path.relative_to(ROOT)) for path in modules() if undocumented(path)] == []


@pytest.mark.parametrize("name", whatsit.__all__)
def test_public_names_exist_and_are_documented(name: str) -> None:
    value = getattr(whatsit, name)
    if name == "__version__":
        return
    assert inspect.getdoc(value)
    if inspect.isclass(value):
        own = {key: member for key, member in vars(value).items() if not key.startswith("_")}
        methods = {key: member for key, member in own.items() if callable(member) or isinstance(member, property)}
        assert [key for key, member in methods.items() if not inspect.getdoc(member)] == []


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        getattr(whatsit, "trian")  # noqa: B009


def test_the_version_stands_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = whatsit.__version__ if "version" in project.get("dynamic", ()) else project["version"]
    assert declared == whatsit.__version__
    assert f"## [{whatsit.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", HELP_LINES)
def test_commands_have_help_with_an_example(name: str) -> None:
    command = shell.get_command(click.Context(shell), name)
    assert command is not None
    assert command.help
    assert command.epilog
    assert command.epilog.startswith("Example")
    assert f"whatsit {name}" in command.epilog
    undescribed = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert undescribed == []


@pytest.mark.parametrize("name", HELP_LINES)
def test_commands_are_in_the_readme(name: str) -> None:
    assert f"whatsit {name}" in (ROOT / "README.md").read_text(encoding="utf-8")


def loaded_by(code: str, *arguments: str) -> set[str]:
    """The packages that a fresh Python has imported at the end of `code`."""
    reported = f"import sys\n{code}\nprint('loaded:', *{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", reported, *arguments], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_imports_nothing_heavy(argument: str) -> None:
    code = f"from whatsit.cli import whatsit\nwhatsit.main([{argument!r}], standalone_mode=False)"
    assert loaded_by(code) & set(HEAVY) == set()


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert loaded_by("import whatsit") & set(HEAVY) == set()


def test_predicting_needs_no_learning_library(model: Trained, photos: Path) -> None:
    code = "from whatsit.cli import whatsit\nwhatsit.main(sys.argv[1:], standalone_mode=False)"
    loaded = loaded_by(code, "predict", str(model.folder), str(photos / "leaves" / "000.jpg"))
    assert "onnxruntime" in loaded
    assert loaded & set(AT_RUN_TIME_NOT) == set()


def tracked() -> list[Path]:
    """Every text file of the project, as git sees it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


def test_nothing_names_a_machine_or_a_registry() -> None:
    someones_folder = r"(?<![\w.~>$}-])/(?:work|home|root|opt|Users)/\w"
    registry = r"https?://[^\s)>\"'`]*(?:pypi|pythonhosted|registry|proxy|mirror)|index[-_]url"
    pattern = re.compile(f"{someones_folder}|{registry}", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []


def test_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    found = [str(p.relative_to(ROOT)) for p in tracked() if marks.search(p.read_text(encoding="utf-8"))]
    assert found == []


def test_every_command_module_is_listed() -> None:
    files = {path.stem for path in (SOURCE / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert files == set(HELP_LINES)
    for name in HELP_LINES:
        assert isinstance(import_module(f"whatsit.cli.commands.{name}").command, click.Command)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports at the top of modules; those inside functions are made when all is loaded."""
    names = {".".join(("whatsit", *path.relative_to(SOURCE).with_suffix("").parts)): path for path in modules()}
    imported = {name: set(imports_at_the_top(path)) & names.keys() for name, path in names.items()}
    while leaves := {name for name, others in imported.items() if not others}:
        imported = {name: others - leaves for name, others in imported.items() if name not in leaves}
    assert imported == {}


def imports_at_the_top(module: Path) -> Iterator[str]:
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
