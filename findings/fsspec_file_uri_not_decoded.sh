#!/usr/bin/env bash
# fsspec 2026.9.0: the URI that `pathlib` gives a file is not found where its name holds a blank or an umlaut.
#
# Guessed: `fsspec.open(path.as_uri())` opens the file that `path` names, as a file:// URI does in browsers.
# Seen: as_uri() escapes what RFC 3986 wants escaped, and fsspec takes the rest of the URI for the path as it stands:
# it looks for a file with "%20" in its name, and says FileNotFoundError. Manifests hold such URIs, because as_uri() is
# the usual way to write them; the plain path behind "file://", with its blank, is found.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet fsspec==2026.9.0
cd "$work"
"$work/venv/bin/python" -W error - <<'PY'
from pathlib import Path

import fsspec

path = Path("two words.txt").resolve()
path.write_text("found")
print(f"fsspec {fsspec.__version__}: {path.as_uri().rpartition('/')[2]}", end=" ")
try:
    with fsspec.open(path.as_uri()) as file:
        raise SystemExit(f"is found now: {file.read()!r}")
except FileNotFoundError as error:
    print(f"is not found: it looks for {Path(error.filename).name!r}")
with fsspec.open(f"file://{path}") as file:
    assert file.read() == b"found"
print("file:// before the plain path is found")
PY
