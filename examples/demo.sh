#!/usr/bin/env bash
# The whole way on one machine: a server, a real training run logged through it, the log read back with plain curl over
# the ModelArts calls, glued from their small pages, and compared byte for byte with what the program printed.
# Exits non-zero if anything differs. Run by `make demo`; leaves what it did in .demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in "${!JOBLOG_@}"; do unset "$name"; done
export PATH="$PWD/${VENV:-.venv}/bin:$PATH" no_proxy=127.0.0.1
export JOBLOG_DATA="$PWD/.demo/data" JOBLOG_SPOOL="$PWD/.demo/spool"
epochs=${EPOCHS:-60}

say() { printf '\n== %s\n' "$*"; }
show() { printf '$ %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# field FILE PATH...: prints one value of a JSON file. content FILE NAME: writes a string value's bytes, adding nothing.
field() { python -c 'import functools, json, operator, sys
key = lambda k: int(k) if k.lstrip("-").isdigit() else k
print(functools.reduce(operator.getitem, map(key, sys.argv[2:]), json.load(open(sys.argv[1]))))' "$@"; }
content() { python -c 'import json, sys
sys.stdout.buffer.write(json.load(open(sys.argv[1]))[sys.argv[2]].encode())' "$@"; }

# get FILE PATH: the answer's body into FILE; prints the status code.
get() { curl --silent --show-error --output "$1" --write-out '%{http_code}' -H "X-Auth-Token: $TOKEN" "$URL$2"; }
must_get() { local status; status=$(get "$@"); [[ $status == 200 ]] || fail "$2 answered $status: $(cat "$1")"; }
asked() { show "curl -H \"X-Auth-Token: \$TOKEN\" \"\$URL$1\""; }
shorten() { python -c 'import sys
text, most = open(sys.argv[1], encoding="utf-8").read(), int(sys.argv[2])
print(text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}")' "$@"; }

equal() { # equal CAPTURED GLUED WHAT
  cmp "$1" "$2" || fail "$3: what was read is not what was printed"
  printf '%s: equal (%s bytes printed, %s read)\n' "$3" "$(wc -c <"$1")" "$(wc -c <"$2")"
}

command -v curl >/dev/null || { ((UID == 0)) && apt-get -qq update && apt-get -qq install --yes curl >/dev/null; } ||
  fail "this needs curl; on Debian and Ubuntu: sudo apt-get install curl"
rm -rf .demo
mkdir -p .demo

say "a server: SQLite and a directory, both under .demo/data"
show "joblog serve --data .demo/data --port 0 &"
joblog serve --data "$JOBLOG_DATA" --port 0 >.demo/server.log 2>&1 &
server=$!
stop() { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
trap stop EXIT
for _ in $(seq 300); do
  kill -0 "$server" 2>/dev/null || fail "the server ended: $(cat .demo/server.log)"
  [[ -s $JOBLOG_DATA/url ]] && curl --silent --fail --output .demo/health.json "$(<"$JOBLOG_DATA/url")/healthz" && break
  sleep 0.1
done
[[ -s .demo/health.json ]] || fail "the server was not ready in 30 s: $(cat .demo/server.log)"
URL=$(<"$JOBLOG_DATA/url")
TOKEN=$(<"$JOBLOG_DATA/admin.token")
show "curl \$URL/healthz"
cat .demo/health.json; echo

say "a training run: a small network learns to read digits; all that it prints is logged"
show "joblog run --job digits -- python examples/train.py --epochs $epochs >.demo/printed 2>&1"
joblog run --job digits -- python examples/train.py --epochs "$epochs" >.demo/printed 2>&1 ||
  fail "the run failed: $(tail -n 5 .demo/printed)"
tail -n 2 .demo/printed
printf '%s bytes, %s lines, %s carriage returns of progress bars\n' "$(wc -c <.demo/printed)" "$(wc -l <.demo/printed)" \
  "$(tr -cd '\r' <.demo/printed | wc -c)"

say "which log is it?"
must_get .demo/jobs.json "/api/projects/default/jobs?name=digits"
job=$(field .demo/jobs.json items 0 id)
must_get .demo/versions.json "/api/projects/default/jobs/$job/versions"
version=$(field .demo/versions.json items -1 id)
log="/v1/default/training-jobs/$job/versions/$version"
asked "$log/log/file-names"
must_get .demo/names.json "$log/log/file-names"
cat .demo/names.json; echo
name=$(field .demo/names.json log_file_list 0)

say "by bytes: GET .../log, 2048 bytes a page, each from the end_byte of the one before"
position=0 pages=0
: >.demo/by-bytes
while :; do
  page="$log/log?log_file=$name&start_byte=$position&offset=2048"
  must_get .demo/page.json "$page"
  if ((pages == 0)); then asked "$page"; shorten .demo/page.json 400; fi
  [[ $(field .demo/page.json log_byte_count) == 0 ]] && break
  content .demo/page.json log >>.demo/by-bytes
  position=$(field .demo/page.json end_byte)
  pages=$((pages + 1))
done
printf '%s pages\n' "$pages"
equal .demo/printed .demo/by-bytes "GET .../log"

say "by lines: GET .../aom-log, 50 lines a page, from the oldest on"
pages=0 lines=0
page="$log/aom-log?log_file=$name&base_line=&lines=50&order=asc"
: >.demo/by-lines
while :; do
  must_get .demo/page.json "$page"
  if ((pages < 2)); then asked "$page"; shorten .demo/page.json 400; fi
  count=$(field .demo/page.json lines)
  ((count == 0)) && break
  content .demo/page.json content >>.demo/by-lines
  lines=$((lines + count)) pages=$((pages + 1))
  page="$log/aom-log?log_file=$name&base_line=$(field .demo/page.json end_line)&lines=50&order=desc"
done
printf '%s pages, %s lines\n' "$pages" "$lines"
[[ $lines == "$(wc -l <.demo/printed)" ]] || fail "GET .../aom-log counted $lines lines"
equal .demo/printed .demo/by-lines "GET .../aom-log"

say "all at once, and the proof that it is complete, from the native API"
native="/api/projects/default/jobs/$job/versions/$version/logs/worker-0"
asked "$native/bytes"
must_get .demo/all "$native/bytes"
equal .demo/printed .demo/all "GET .../bytes"
asked "$native"
must_get .demo/log.json "$native"
shorten .demo/log.json 1000
crc=$(python -c 'import sys, zlib; print(zlib.crc32(open(sys.argv[1], "rb").read()))' .demo/printed)
[[ $(field .demo/log.json complete) == True ]] || fail "the log is not said to be complete"
[[ $(field .demo/log.json crc32) == "$crc" ]] || fail "crc32 of what was printed is $crc"
printf 'complete, and its crc32 is that of what was printed: %s\n' "$crc"

say "a value out of range is refused, not bent"
page="$log/aom-log?log_file=$name&lines=501"
asked "$page"
status=$(get .demo/refused.json "$page")
printf '%s ' "$status"; cat .demo/refused.json; echo
[[ $status == 400 ]] || fail "lines=501 answered $status"
field .demo/refused.json error_code >/dev/null

say "the log of this run stays readable: joblog serve --data .demo/data"
