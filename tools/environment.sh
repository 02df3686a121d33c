#!/usr/bin/env bash
# Makes .venv with the project installed. Says in one line what is missing and what brings it.
set -eu
cd "$(dirname "$0")/.."
extras=${1:-}
want="$extras $(cksum pyproject.toml | cut -d' ' -f1)"
if [ -x .venv/bin/yilian ] && [ "$(cat .venv/yilian-ready 2>/dev/null)" = "$want" ]; then exit 0; fi

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
python=${PYTHON:-}
if [ -n "$python" ]; then
  fits "$python" || { echo "PYTHON=$python is not a Python 3.11 or later that runs." >&2; exit 1; }
else
  for each in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$each" >/dev/null 2>&1 && fits "$each"; then python=$each; break; fi
  done
fi
if [ -z "$python" ]; then
  echo "Python 3.11 or later is missing. On Debian or Ubuntu: sudo apt-get install python3 python3-venv" >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
  echo "The venv module of $python is missing. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
  exit 1
fi
[ -x .venv/bin/python ] && fits .venv/bin/python || { rm -rf .venv; echo "Making .venv with $("$python" --version)" >&2; "$python" -m venv .venv; }
echo "Installing the packages that Yilian needs${extras:+ ($extras)}" >&2
if ! .venv/bin/python -m pip install -q --disable-pip-version-check -e ".${extras:+[$extras]}" >.venv/install.log 2>&1; then
  tail -n 5 .venv/install.log >&2
  echo "The packages could not be installed (whole log: .venv/install.log). With a network again: make clean demo" >&2
  exit 1
fi
echo "$want" >.venv/yilian-ready
