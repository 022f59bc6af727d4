#!/bin/sh
# Makes each secret that is not there yet, and changes none. Files are for everybody
# in the containers that have their volume, and only those that need it have it.
set -eu

random() { od -An -vtx1 -N"$1" /dev/urandom | tr -d ' \n'; }

keep() { # keep FILE VALUE
  if [ -s "$1" ]; then return; fi
  printf '%s\n' "$2" > "$1.new"
  chmod 444 "$1.new"
  # Whole or not at all, also when this is killed.
  mv "$1.new" "$1"
  echo "made $1"
}

keep /run/owner-secrets/owner_password "$(random 24)"
keep /run/service-secrets/app_password "$(random 24)"
keep /run/service-secrets/app_secret "$(random 32)"
keep /run/service-secrets/tenancy_keys "k1:$(random 32)"

# Of PgBouncer. It follows the password, which may be changed by hand.
printf '"app" "%s"\n' "$(cat /run/service-secrets/app_password)" > /run/service-secrets/userlist.txt.new
chmod 444 /run/service-secrets/userlist.txt.new
mv /run/service-secrets/userlist.txt.new /run/service-secrets/userlist.txt
