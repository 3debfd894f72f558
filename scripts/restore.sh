#!/usr/bin/env bash
# Restore a backup into a new database, never over one that holds anything:
#   restore.sh BACKUP.dump DATABASE
# The other variables of libpq say where (PGHOST, PGPORT, PGUSER, PGPASSWORD ...). Makes the database where it is
# missing, checks the file against its checksum, restores all or nothing, and counts the rows of each table.
set -eu
[ $# -eq 2 ] || { echo "Usage: restore.sh BACKUP.dump DATABASE" >&2; exit 2; }
file=$1
database=$2
[ -r "$file" ] || { echo "$file cannot be read." >&2; exit 1; }
if [ -e "$file.sha256" ]; then
    (cd "$(dirname "$file")" && sha256sum --check --quiet "$(basename "$file").sha256") ||
        { echo "$file is not what was backed up: its checksum differs." >&2; exit 1; }
fi

ask() {
    psql --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$1" --command "$2"
}

exists=$(ask postgres "SELECT count(*) FROM pg_database WHERE datname = '${database//\'/\'\'}'")
if [ "$exists" = 0 ]; then
    createdb --template template0 --encoding UTF8 "$database"
fi
tables=$(ask "$database" "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
if [ "$tables" != 0 ]; then
    echo "The database $database is not empty: it has $tables tables. Nothing was changed. Name a new one." >&2
    exit 1
fi

pg_restore --no-owner --no-privileges --single-transaction --exit-on-error --dbname "$database" "$file"
ask "$database" "ANALYZE" >/dev/null
echo "Restored into $database, rows by table:"
psql --no-psqlrc --quiet --tuples-only --no-align --field-separator ' ' --set ON_ERROR_STOP=1 --dbname "$database" <<'SQL'
SELECT format('SELECT %L, count(*) FROM %I HAVING count(*) > 0', tablename, tablename)
FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename
\gexec
SQL
