"""A package of others, as pip installs one: a module and the entry points beside it, in a folder on `sys.path`."""

from collections.abc import Callable, Mapping
from pathlib import Path

Install = Callable[..., Path]
"""`installed("name-of-package", source, commands={"name": "attribute"})`, as the fixture gives it; → the folder."""


def install(folder: Path, package: str, source: str, parts: Mapping[str, Mapping[str, str]]) -> Path:
    """Writes the package; the caller puts the folder on the path. parts: group → name → attribute of the module."""
    folder.mkdir(parents=True, exist_ok=True)
    module = package.replace("-", "_")
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    lines = []
    for group, names in parts.items():
        lines += [f"[{group}]", *(f"{name} = {module}:{attribute}" for name, attribute in names.items()), ""]
    (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder
