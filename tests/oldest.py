"""Prints pip's constraints for the oldest versions that pyproject.toml admits: `make test-oldest` installs them.

Of a package that several extras name, the highest lower bound counts, as all extras go into one environment. The tools
of the extra `dev` are left at their newest.
"""

import re
import sys
import tomllib
from pathlib import Path

LOWER_BOUND = re.compile(r"([\w.-]+)(?:\[[\w,-]+\])?>=([\w.]+)")


def oldest(project: Path) -> dict[str, str]:
    """Package → its lower bound. Raises ValueError where a requirement has none."""
    facts = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = facts["optional-dependencies"]
    found: dict[str, str] = {}
    for requirement in [*facts["dependencies"], *(one for name in extras if name != "dev" for one in extras[name])]:
        match = LOWER_BOUND.match(requirement)
        if match is None:
            raise ValueError(f"{requirement}: has no lower bound")
        name, version = match.groups()
        found[name] = max(found.get(name, "0"), version, key=_numbers)
    return found


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


if __name__ == "__main__":
    for name, version in oldest(Path(__file__).parents[1] / "pyproject.toml").items():
        sys.stdout.write(f"{name}=={version}\n")
