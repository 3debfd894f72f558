#!/usr/bin/env bash
# Start the installation of docker-compose.yml, or bring it to the release of this folder without downtime:
# the database is migrated first, then one web replica after the other is replaced.
set -eu
cd "$(dirname "$0")/.."
read -ra compose <<<"${COMPOSE:-docker compose}"

fail() {
    echo "$*" >&2
    exit 1
}

setting() {
    # The shell's value wins over the file's, as compose has it.
    local name=$1
    printf '%s' "${!name:-$(sed -n "s/^$name=//p" .env | tail -n 1)}"
}

[ -f .env ] || fail "There is no .env. Run: cp .env.example .env, and set what docker-compose.yml names."
for name in SECRET_KEY ALLOWED_HOSTS POSTGRES_PASSWORD REDIS_PASSWORD; do
    [ -n "$(setting "$name")" ] || fail "$name is not set. Set it in .env."
done
secret=$(setting SECRET_KEY)
[ "${#secret}" -ge 50 ] || fail "SECRET_KEY is too short. It needs at least 50 random characters."
if [ ! -s deploy/nginx/tls/server.crt ]; then
    hosts=$(setting ALLOWED_HOSTS)
    echo "No certificate in deploy/nginx/tls: making one of our own. Replace it with one that browsers trust."
    # shellcheck disable=SC2086 # one word for each host
    deploy/postgres/make_certificate.sh deploy/nginx/tls ${hosts//,/ }
    # nginx runs as a user of its own in its container, and reads it as "others".
    chmod 644 deploy/nginx/tls/server.key
    chmod 711 deploy/nginx/tls
fi
backups=$(setting BACKUP_FOLDER)
backups=${backups:-backups}
mkdir -p "$backups"
# The container that writes there is user 10001.
[ "$(id -u)" -ne 0 ] || chown 10001:10001 "$backups"

"${compose[@]}" build
"${compose[@]}" up --detach --wait postgres redis
"${compose[@]}" run --rm migrate
for service in web-a web-b; do
    "${compose[@]}" up --detach --no-deps --wait "$service"
    # A replica that was made anew may have another address.
    [ -z "$("${compose[@]}" ps --quiet nginx)" ] || "${compose[@]}" exec --no-TTY nginx nginx -s reload
done
"${compose[@]}" up --detach --no-deps worker beat backup nginx
"${compose[@]}" up --detach --no-deps --wait nginx
"${compose[@]}" ps
