#!/usr/bin/env bash
# Run backup.sh every day at BACKUP_AT (UTC, default 03:00): the backup service of docker-compose.yml.
set -eu
at=${BACKUP_AT:-03:00}
[[ $at =~ ^([01][0-9]|2[0-3]):[0-5][0-9]$ ]] || { echo "BACKUP_AT=$at is no time of day, such as 03:00." >&2; exit 2; }
trap 'exit 0' TERM INT

while true; do
    now=$(date -u +%s)
    next=$(date -u -d "$at" +%s)
    [ "$next" -gt "$now" ] || next=$((next + 86400))
    # In the background: a shell acts on a signal only between two commands.
    sleep $((next - now)) &
    wait $!
    "$(dirname "$0")/backup.sh" || echo "The backup failed; the next one is tomorrow at $at." >&2
done
