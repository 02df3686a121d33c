#!/usr/bin/env bash
# Brings the servers that some tests need: PostgreSQL (Debian package) and an S3 server (with Go).
# Those tests are skipped where a server is absent. Safe to call again.
set -eu
cd "$(dirname "$0")/.."
versitygw=v1.8.0
services=.venv/services

if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null 2>&1; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "PostgreSQL is missing, and apt-get too: install PostgreSQL 13 or later by hand." >&2
    exit 1
  fi
  echo "Installing PostgreSQL" >&2
  # The package would start a server of its own; the tests start theirs.
  if ! "${as_root[@]}" sh -c 'mkdir -p /etc/postgresql-common && { grep -qs create_main_cluster /etc/postgresql-common/createcluster.conf || echo "create_main_cluster = false" >>/etc/postgresql-common/createcluster.conf; } && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postgresql' >&2; then
    echo "PostgreSQL could not be installed. As root: apt-get install postgresql" >&2
    exit 1
  fi
fi

if [ "$(cat "$services/versitygw.version" 2>/dev/null)" != "$versitygw" ] || [ ! -x "$services/versitygw" ]; then
  go=$(command -v go || { [ -x /usr/local/go/bin/go ] && echo /usr/local/go/bin/go; } || true)
  if [ -z "$go" ]; then
    echo "Go is missing, which builds the S3 server of the tests. On Debian or Ubuntu: sudo apt-get install golang-go" >&2
    exit 1
  fi
  mkdir -p "$services"
  echo "Building versitygw $versitygw, the S3 server of the tests" >&2
  if ! GOBIN="$PWD/$services" GOFLAGS=-trimpath "$go" install "github.com/versity/versitygw/cmd/versitygw@$versitygw" >"$services/build.log" 2>&1; then
    tail -n 5 "$services/build.log" >&2
    echo "The S3 server could not be built (whole log: $services/build.log). With a network again: tools/services.sh" >&2
    exit 1
  fi
  echo "$versitygw" >"$services/versitygw.version"
fi

helm=v3.18.4
if [ "$(cat "$services/helm.version" 2>/dev/null)" != "$helm" ] || [ ! -x "$services/helm" ]; then
  go=$(command -v go || { [ -x /usr/local/go/bin/go ] && echo /usr/local/go/bin/go; } || true)
  if [ -z "$go" ]; then
    echo "Go is missing, which builds helm, the judge of our charts." >&2
    exit 1
  fi
  mkdir -p "$services"
  echo "Building helm $helm, which checks the charts in deploy/" >&2
  if ! GOBIN="$PWD/$services" GOFLAGS=-trimpath "$go" install "helm.sh/helm/v3/cmd/helm@$helm" >"$services/build.log" 2>&1; then
    tail -n 5 "$services/build.log" >&2
    echo "helm could not be built (whole log: $services/build.log). With a network again: tools/services.sh" >&2
    exit 1
  fi
  echo "$helm" >"$services/helm.version"
fi
