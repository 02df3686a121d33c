#!/usr/bin/env bash
# Makes .venv-second: another version of Python with what the law needs, to compare app hashes on.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv-second/bin/python ] && exit 0
own=$(.venv/bin/python -c 'import sys; print("3.%d" % sys.version_info.minor)')
versions=$(command -v pyenv >/dev/null 2>&1 && ls -d "$(pyenv root)"/versions/3.1[1-9]*/bin/python 2>/dev/null || true)
for each in python3.14 python3.13 python3.12 python3.11 $versions; do
  found=$("$each" -c 'import sys, venv; print("3.%d" % sys.version_info.minor if sys.version_info >= (3, 11) else "")' 2>/dev/null || true)
  if [ -z "$found" ] || [ "$found" = "$own" ]; then continue; fi
  needed=$(.venv/bin/python -c 'import tomllib; print(" ".join(d for d in tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"] if d.startswith(("msgspec", "PyNaCl", "cryptography"))))')
  # shellcheck disable=SC2086
  if "$each" -m venv .venv-second && .venv-second/bin/python -m pip install -q --disable-pip-version-check $needed; then
    echo "Comparing Python $own with Python $found" >&2
    exit 0
  fi
  rm -rf .venv-second
done
echo "No second Python (3.11 or later, other than $own) is here; app hashes are compared under one version." >&2
