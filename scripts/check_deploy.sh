#!/usr/bin/env bash
# Check the files of a deployment with the linters in the virtual environment given as the first argument; nginx itself
# reads its configuration where it is installed. No container engine is needed, and no image is built.
set -eu
tools=$1/bin
cd "$(dirname "$0")/.."
shopt -s globstar nullglob

echo "Dockerfile: hadolint"
"$tools/hadolint" Dockerfile
echo "Shell scripts: shellcheck"
"$tools/shellcheck" .ci/run scripts/*.sh deploy/**/*.sh
echo "YAML: yamllint"
"$tools/yamllint" --strict .yamllint.yaml docker-compose*.yml deploy
echo "Compose files: schema of the compose specification"
"$tools/check-jsonschema" --builtin-schema vendor.compose-spec docker-compose*.yml
echo "Kubernetes manifests: schemas of Kubernetes"
for manifest in deploy/kubernetes/*.yaml; do
    [ "$manifest" = deploy/kubernetes/kustomization.yaml ] || "$tools/kubernetes-validate" --strict --quiet "$manifest"
done
if ! command -v nginx >/dev/null; then
    echo "nginx is not installed (Debian: apt-get install nginx-light): its own check was left out." >&2
    exit 0
fi
echo "nginx: its own check"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp /etc/nginx/mime.types deploy/nginx/*.conf "$work"
deploy/postgres/make_certificate.sh "$work/tls" localhost >/dev/null
# Names of services are known inside the compose network only.
sed -i 's/server web-[ab]:/server 127.0.0.1:/' "$work/upstream.conf"
sed -i "s#/tmp/#$work/#" "$work/nginx.conf"
nginx -t -q -p "$work" -c nginx.conf
