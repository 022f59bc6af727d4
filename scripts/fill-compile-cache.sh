#!/bin/sh
# Stores the compiled code of the built service in dist/compiled, so that a start takes less processor time. Run it as
# root after each build and each update of Node: scripts/fill-compile-cache.sh [user of the service]
#
# Node uses compiled code of the same user only. Afterwards the folder belongs to root: it is code.
set -eu
cd "$(dirname "$0")/.."
user=${1:-koa-tenants}
folder=$(mktemp -d)
chown "$user" "$folder"
runuser -u "$user" -- env NODE_ENV=production NODE_COMPILE_CACHE="$folder" node scripts/fill-compile-cache.ts
rm -rf dist/compiled
cp -r "$folder" dist/compiled
rm -rf "$folder"
chmod -R u+rwX,go-w,a+rX dist/compiled
