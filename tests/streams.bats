#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# Standard streams that are closed or full, of all programs: none crashes, and nothing is lost unsaid.

load lib

bin=${OUTBORE_BIN:-$top/bin}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  printf 'ingress:\n  - service: http://localhost:80\n' >config.yml
  echo '{"request_url":"https://a.test/","status":200,"headers":[]}' >page.json
}

teardown() {
  stop_all
}

# to_full COMMAND...: its results cannot be written: that is said, and exit status 3.
to_full() {
  run -3 --separate-stderr bash -c '"$@" >/dev/full' -- timeout 20 "$@"
  [[ $stderr == *'standard output: '* ]] || fail_with "$*: $stderr"
}

# to_nobody COMMAND...: the reader is gone: quiet.
to_nobody() {
  run --separate-stderr bash -c '"$@" > >(:)' -- timeout 20 "$@"
  ((status < 128)) || fail_with "$*: status $status"
  [ -z "$stderr" ] || fail_with "$*: $stderr"
}

@test "streams: results that cannot be written are said, and exit status 3" {
  start server "$bin/wscat" serve --listen 127.0.0.1:0
  wait_for server.err 'listening on'
  local url
  url=$(sed -n 's/.*listening on //p' server.err)
  to_full "$bin/wscat" probe --hop "a=$url"
  to_full "$bin/wscat" probe --json --hop "a=$url"
  to_full "$bin/wscat" bench -c 1 -t 100ms --warm-up 0s "$url"
  to_full "$bin/wscat" explain
  to_full "$bin/wscat" --help
  to_full "$bin/hdrcheck" - <page.json
  to_full "$bin/hdrcheck" --json - <page.json
  to_full "$bin/hdrcheck" --suggest nginx - <page.json
  to_full "$bin/hdrcheck" explain Strict-Transport-Security
  to_full "$bin/ingress-lint" --json config.yml
  to_full "$bin/ingress-lint" rules
  to_full "$bin/ingress-lint" rule --config config.yml http://a/
}

@test "streams: a reader that is gone ends them quietly" {
  to_nobody "$bin/wscat" explain
  to_nobody "$bin/hdrcheck" explain Strict-Transport-Security
  to_nobody "$bin/hdrcheck" --json - < <(for i in {1..2000}; do cat page.json; done)
  to_nobody "$bin/ingress-lint" rules
}

@test "streams: closed ones are no reason to crash, and nobody else's file gets their number" {
  start server "$bin/wscat" serve --listen 127.0.0.1:0
  wait_for server.err 'listening on'
  local url
  url=$(sed -n 's/.*listening on //p' server.err)
  run -3 --separate-stderr bash -c 'exec timeout 20 "$@" <&-' -- "$bin/wscat" "$url"
  [[ $stderr == *'input: Bad file descriptor'* ]] || fail_with "$stderr"
  run -0 bash -c 'exec timeout 20 "$@" 2>&-' -- "$bin/wscat" -1 -x hello "$url"
  [ "$output" = hello ]
  run -0 bash -c 'exec timeout 20 "$@" <&-' -- "$bin/wscat" probe --hop "a=$url"
  run -3 --separate-stderr bash -c 'exec timeout 20 "$@" >&-' -- "$bin/wscat" probe --hop "a=$url"
  [[ $stderr == *'standard output: Bad file descriptor'* ]] || fail_with "$stderr"
  run -3 --separate-stderr bash -c 'exec timeout 20 "$@" <&-' -- "$bin/hdrcheck" -
  [[ $output == *'standard input: Bad file descriptor'* ]] || fail_with "$output"
  run -3 bash -c 'exec timeout 20 "$@" <&-' -- "$bin/ingress-lint" -
  run -0 bash -c 'exec timeout 20 "$@" <&-' -- "$bin/ingress-lint" -q config.yml
}

@test "streams: the edge runs, and drains, with all three closed" {
  local port
  port=$(free_port)
  # shellcheck disable=SC2016 # the inner shell's
  start edge bash -c 'exec "$@" <&- >&- 2>&-' -- "$bin/tunnel" edge --dev dev --listen "127.0.0.1:$port" \
    --tunnel-listen 127.0.0.1:0
  within "$wait_s" curl -s -o page -k "https://127.0.0.1:$port/"
  stop edge
  [ "$exit_status" = 0 ]
}
