#!/usr/bin/env bash
# Make a certificate authority of its own and a server certificate, where there is none yet:
#   make_certificate.sh FOLDER HOST...
# Clients are given ca.crt. The authority's key is thrown away: a new certificate means a new authority.
set -eu
folder=$1
shift
[ -s "$folder/server.crt" ] && exit 0

mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
names=""
for host in "$@"; do
    case $host in
        *[!0-9.]*) names="$names,DNS:$host" ;;
        *) names="$names,IP:$host" ;;
    esac
done

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=AI Cost Optimizer" \
    -addext "basicConstraints=critical,CA:TRUE" -keyout "$work/ca.key" -out "$work/ca.crt" 2>"$work/log" ||
    { cat "$work/log" >&2; exit 1; }
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
    -keyout "$work/server.key" -out "$work/server.csr" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
printf 'subjectAltName=%s\n' "${names#,}" >"$work/extensions"
openssl x509 -req -in "$work/server.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 3650 \
    -extfile "$work/extensions" -out "$work/server.crt" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }

install -m 644 "$work/ca.crt" "$folder/ca.crt"
install -m 600 "$work/server.key" "$folder/server.key"
# Last: whoever finds it finds the others too.
install -m 644 "$work/server.crt" "$folder/server.crt"
echo "Made a certificate for $* in $folder"
