#!/usr/bin/env bash
# Stop the installation of docker-compose.yml in the order in which nothing is lost: no new requests, open ones end, no
# new tasks, open ones end, and the stores last. Data stays; `scripts/startup.sh` starts it again.
set -eu
cd "$(dirname "$0")/.."
read -ra compose <<<"${COMPOSE:-docker compose}"

for services in nginx "web-a web-b" beat worker backup redis postgres; do
    # shellcheck disable=SC2086 # one word for each service
    "${compose[@]}" stop $services
done
