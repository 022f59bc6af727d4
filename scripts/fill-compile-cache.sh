#!/bin/sh
# Stores the compiled code of the built service in dist/compiled, so that a start takes less processor time. Run it as
# root after each build and each update of Node: scripts/fill-compile-cache.sh [user of the service]
#
# Node uses compiled code of the same user only. Afterwards the folder belongs to root: it is code.
set -eu
cd "$(dirname "$0")/.."
user=${1:-koa-tenants}
fail() {
  echo "$1" >&2
  exit 1
}
id -u "$user" > /dev/null 2>&1 || fail "There is no user $user. Name the user of the service: scripts/fill-compile-cache.sh USER"
[ "$(id -u)" = 0 ] || fail 'This script must run as root.'
[ -d dist/service ] || fail 'There is no built service in dist/service. Run npm run build.'
node -e 'process.exit(process.features.typescript ? 0 : 1)' || fail 'The command node must be Node 24.16 or later.'
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chown "$user" "$folder"
runuser -u "$user" -- env NODE_ENV=production NODE_COMPILE_CACHE="$folder" node scripts/fill-compile-cache.ts
rm -rf dist/compiled
cp -r "$folder" dist/compiled
chmod -R u+rwX,go-w,a+rX dist/compiled
