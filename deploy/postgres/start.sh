#!/usr/bin/env bash
# The start of the container: a certificate on first use, then PostgreSQL with it, as the image starts it.
set -eu
here=$(dirname "$0")
tls=${TLS_DIR:-/var/lib/postgresql/tls}
authority=${AUTHORITY_DIR:-/run/postgres-ca}
"$here/make_certificate.sh" "$tls" "${TLS_HOST:-postgres}"
chown -R postgres:postgres "$tls"
# The authority's certificate alone is for the others.
install -m 644 "$tls/ca.crt" "$authority/ca.crt"
exec docker-entrypoint.sh postgres \
    -c ssl=on -c ssl_min_protocol_version=TLSv1.2 -c "ssl_cert_file=$tls/server.crt" -c "ssl_key_file=$tls/server.key" \
    -c "hba_file=$here/pg_hba.conf" "$@"
