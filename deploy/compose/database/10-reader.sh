#!/bin/sh
# The role of the sidecar; 20-facts.sql grants it what it reads.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
  --set=password="$(cat /run/secrets/reader)" <<'SQL'
CREATE ROLE sidecar_reader LOGIN PASSWORD :'password';
SQL
