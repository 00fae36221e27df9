#!/bin/sh
# Runs once, when the database is made: a role and a schema for each service, and nothing
# for anybody else. The passwords are files, so that no statement of ours holds one.
set -eu

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

psql -v ON_ERROR_STOP=1 -U "$user" -d "$database" -v database="$database" <<'SQL'
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SQL

for service in invitation identity lobby notifier signalling; do
  SERVICE=$service psql -v ON_ERROR_STOP=1 -U "$user" -d "$database" -v database="$database" -v service="$service" <<'SQL'
\set password `cat "/run/secrets/$SERVICE"`
CREATE ROLE :"service" LOGIN PASSWORD :'password';
GRANT CONNECT ON DATABASE :"database" TO :"service";
CREATE SCHEMA :"service" AUTHORIZATION :"service";
ALTER ROLE :"service" IN DATABASE :"database" SET search_path = :"service";
SQL
done
