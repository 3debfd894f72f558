#!/usr/bin/env bash
# Pack what an installation is besides its database: .env, docker-compose files, deploy/, and the generated secret key:
#   backup_config.sh TARGET.tar.gz
# It holds every secret: keep it apart from the backups of the database, which are of little use without it.
set -eu
[ $# -eq 1 ] || { echo "Usage: backup_config.sh TARGET.tar.gz" >&2; exit 2; }
target=$(realpath -m "$1")
umask 077
cd "${CONFIG_ROOT:-$(dirname "$0")/..}"
parts=()
for part in .env docker-compose.yml docker-compose.dev.yml docker-compose.override.yml deploy "${DATA_DIR:-data}/secret_key"; do
    [ -e "$part" ] && parts+=("$part")
done
[ ${#parts[@]} -gt 0 ] || { echo "There is nothing to pack in $PWD." >&2; exit 1; }
mkdir -p "$(dirname "$target")"
tar --create --gzip --file "$target.partial" "${parts[@]}"
tar --list --gzip --file "$target.partial" >/dev/null
mv "$target.partial" "$target"
echo "Packed ${parts[*]} into $target"
