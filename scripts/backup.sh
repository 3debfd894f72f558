#!/usr/bin/env bash
# Back the PostgreSQL database up into BACKUP_DIR (default: backups), prove that the file can be read to its end, and
# delete backups older than BACKUP_KEEP_DAYS (default: 14; the newest stays in any case). Where the database is, the
# variables of libpq say: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE, PGSSLROOTCERT.
set -eu
umask 077
folder=${BACKUP_DIR:-backups}
keep_days=${BACKUP_KEEP_DAYS:-14}
case $keep_days in '' | *[!0-9]*) echo "BACKUP_KEEP_DAYS=$keep_days is no number of days." >&2 && exit 2 ;; esac
mkdir -p "$folder"
# Two at once would write one file.
exec 9>"$folder/.lock"
flock -n 9 || { echo "Another backup into $folder is going on." >&2; exit 1; }

name=optimizer-$(date -u +%Y%m%dT%H%M%SZ).dump
partial=$folder/.$name.partial
trap 'rm -f "$partial"' EXIT
# One moment of the whole database; not of /tmp, which may be small.
pg_dump --format custom --compress 6 --no-owner --no-privileges --file "$partial"
# Reads every byte, and fails where one is missing; that the list alone can be read proves little.
pg_restore --file /dev/null "$partial"
tables=$(pg_restore --list "$partial" | grep -c ' TABLE DATA ' || true)
[ "$tables" -gt 0 ] || { echo "The backup holds no table. Is PGDATABASE right?" >&2; exit 1; }
sync "$partial"
mv "$partial" "$folder/$name"
(cd "$folder" && sha256sum "$name" >"$name.sha256")
echo "Backed up $tables tables into $folder/$name ($(du -h "$folder/$name" | cut -f 1))"

newest=$folder/$name
find "$folder" -maxdepth 1 -name 'optimizer-*.dump' -mtime "+$((keep_days > 0 ? keep_days - 1 : 0))" \
    ! -path "$newest" -print | while read -r old; do
    rm -f "$old" "$old.sha256"
    echo "Deleted $old: older than $keep_days days"
done
