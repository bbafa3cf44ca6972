#!/usr/bin/env bash
# The whole way on one machine: a server, a real training run logged through it, the log read back over the ModelArts calls and
# compared byte for byte with what the program printed; then a run of four ranks that dies, why, and a link to the viewer.
# Exits non-zero if anything differs. Run by `make demo`; leaves what it did in .demo/. At a terminal the server then goes on
# until somebody presses Enter.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in "${!JOBLOG_@}"; do unset "$name"; done
export PATH="$PWD/${VENV:-.venv}/bin:$PATH" no_proxy=127.0.0.1
export JOBLOG_DATA="$PWD/.demo/data" JOBLOG_SPOOL="$PWD/.demo/spool"
# A network so small gains nothing from several threads: on a busy machine they wait for each other.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
epochs=${EPOCHS:-10} began=$SECONDS

say() { printf '\n== %s  (%d s)\n' "$*" $((SECONDS - began)); }
show() { printf '$ %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

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
for _ in $(seq 600); do
  kill -0 "$server" 2>/dev/null || fail "the server ended: $(cat .demo/server.log)"
  [[ -s $JOBLOG_DATA/url ]] && break
  sleep 0.1
done
[[ -s $JOBLOG_DATA/url ]] || fail "the server was not ready in 60 s: $(cat .demo/server.log)"
URL=$(<"$JOBLOG_DATA/url")
export TOKEN
TOKEN=$(<"$JOBLOG_DATA/admin.token")
echo "$URL"

say "a training run: a small network learns to read digits; all that it prints is kept"
show "joblog run --job digits -- python examples/train.py --epochs $epochs"
joblog run --job digits -- python examples/train.py --batch 64 --epochs "$epochs" >.demo/printed 2>&1 ||
  fail "the run failed: $(tail -n 5 .demo/printed)"
tail -n 1 .demo/printed
printf '%s bytes, %s lines, %s carriage returns of progress bars\n' "$(wc -c <.demo/printed)" "$(wc -l <.demo/printed)" \
  "$(tr -cd '\r' <.demo/printed | wc -c)"

say "read back with the two calls of ModelArts, as any client of theirs does"
log="/v1/default/training-jobs/1/versions/1"
for call in "log?log_file=job-digits.0&start_byte=0&offset=2048" "aom-log?log_file=job-digits.0&lines=50&order=asc"; do
  show "curl -H \"X-Auth-Token: \$TOKEN\" \"\$URL$log/$call\""
  curl --silent --show-error --fail -H "X-Auth-Token: $TOKEN" "$URL$log/$call" >.demo/page.json
  printf '%s ... %s\n' "$(head -c 70 .demo/page.json)" "$(tail -c 70 .demo/page.json)"
done
show "python examples/proof.py \$URL 1 1 job-digits.0 .demo/printed"
python examples/proof.py "$URL" 1 1 job-digits.0 .demo/printed

say "a run of four ranks, of which one dies of a bad record, and the others of that"
show "for rank in 0 1 2 3; do RANK=\$rank WORLD_SIZE=4 joblog run --job crash --run-id night -- python examples/ranks.py & done"
ranks=()
for rank in 0 1 2 3; do
  RANK=$rank WORLD_SIZE=4 joblog run --job crash --run-id night -- python examples/ranks.py >".demo/rank-$rank" 2>&1 &
  ranks+=($!)
done
for each in "${ranks[@]}"; do
  ! wait "$each" || fail "a rank of a run that was to die did not: $(tail -n 3 .demo/rank-*)"
done
show "joblog why crash"
joblog why crash --max-bytes 2000 | tee .demo/why
grep -q "^Rank 2 failed first" .demo/why || fail "it was rank 2 that failed first"

say "look at it: this link opens the viewer, logged in; it is good for one browser"
show "joblog open --one-time crash"
link=$(joblog open --one-time crash)
echo "$link"
[[ -t 0 && -t 1 ]] || {
  # Nobody is here to follow it: what a browser would do shows that it logs in.
  status=$(curl --silent --output .demo/session.json --write-out '%{http_code}' -H 'Content-Type: application/json' \
    --data "{\"code\": \"${link##*#}\"}" "$URL/api/session")
  [[ $status == 200 ]] || fail "the link answered $status"
  echo "(tried: it logs in; at a terminal the server would go on now)"
}

say "go on"
cat <<END
  source ${VENV:-.venv}/bin/activate
  joblog serve                                  # a server of your own: it prints a link to its viewer
  joblog run --job mine -- python train.py      # in another terminal: your program, unchanged
  joblog open mine
README.md has the rest. These logs again: joblog serve --data .demo/data
END
if [[ -t 0 && -t 1 ]]; then
  printf '\nThe server goes on until you press Enter. '
  read -r _ || true
fi
