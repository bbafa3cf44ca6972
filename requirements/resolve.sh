#!/bin/sh
# Writes the pinned versions, and the hashes of their files, of every environment that a make target makes: `make pins`.
# Each X.txt is made of the X.in beside it, or of pyproject.toml's extra X. No index's name gets into them.
set -eu
cd "$(dirname "$0")/.."
uv="$PWD/.venv-pins/bin/uv"
together=$(mktemp)
trap 'rm -f "$together"' EXIT

resolve() {
  echo "resolving $*" >&2
  "$uv" pip compile --quiet --no-config --upgrade --no-emit-index-url --no-annotate --python-version 3.11 \
    --custom-compile-command 'make pins' "$@"
}

# demo, dev and docs share .venv: what they have in common is the same version.
resolve --universal --extra demo --extra dev --extra docs --output-file "$together" pyproject.toml requirements/build.in
for extra in demo dev docs; do
  resolve --universal --generate-hashes --constraint "$together" --extra "$extra" --output-file "requirements/$extra.txt" \
    pyproject.toml requirements/build.in
done

# What a container image holds.
resolve --universal --generate-hashes --constraint "$together" --extra postgres --extra traces --extra mcp --extra alerts \
  --output-file requirements/image.txt pyproject.toml requirements/build.in

for input in requirements/audit.in requirements/pins.in requirements/release.in requirements/sbom.in tests/stores/*.in tests/clients/environments/*.in; do
  resolve --universal --generate-hashes --output-file "${input%.in}.txt" "$input"
done

# The lowest versions that joblog's users may have, under today's tools.
resolve --resolution lowest-direct --extra postgres --extra traces --extra mcp --extra alerts --output-file "$together" pyproject.toml
resolve --generate-hashes --constraint "$together" --extra dev --output-file requirements/lowest.txt \
  pyproject.toml requirements/build.in
