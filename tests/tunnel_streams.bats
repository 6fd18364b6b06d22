#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# Streaming: nothing is held back on the way, and nothing piles up when one end is slow.

load lib

setup_file() {
  start_tunnel
}

teardown_file() {
  stop_all
}

teardown() {
  stop_all
}

# bats test_tags=interop
@test "streams: each server-sent event arrives before the next is sent" {
  run -0 timeout "$wait_s" "$peers/visitor.py" steps "$edge_http" '/step?n=5&id=sse' --ack '/ack?id=sse'
  [ "$(jq -r .type <<<"$output")" = text/event-stream ]
  [ "$(jq -c .events <<<"$output")" = '["data: 0\n\n","data: 1\n\n","data: 2\n\n","data: 3\n\n","data: 4\n\n"]' ]
}

@test "streams: pieces of an answer with a length are not held back either" {
  run -0 "$peers/visitor.py" pieces "$edge_http" '/pieces?n=5&ms=200'
  [ "$(jq '.times | length' <<<"$output")" -ge 4 ]
  [ "$(jq '.times[0]' <<<"$output")" -lt 600 ]
}

# cpu NAME: milliseconds of processor time so far.
cpu() {
  awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' "/proc/$(pid_of "$1")/stat"
}

# remember: memory of both ends, for `grew`.
remember() {
  edge_rss=$(rss edge) connector_rss=$(rss connector)
}

# grew KIB: is neither end larger by more than that?
grew_less() {
  echo "edge $edge_rss to $(rss edge), connector $connector_rss to $(rss connector)"
  (($(rss edge) - edge_rss < $1 && $(rss connector) - connector_rss < $1))
}

# is_idle: both ends take less than a fifth of a second of processor time in one second.
is_idle() {
  local edge_ms connector_ms
  edge_ms=$(cpu edge) connector_ms=$(cpu connector)
  sleep 1
  echo "edge $(($(cpu edge) - edge_ms)) ms, connector $(($(cpu connector) - connector_ms)) ms"
  (($(cpu edge) - edge_ms < 200 && $(cpu connector) - connector_ms < 200))
}

# go NAME: let a waiting visitor go on, and end.
go() {
  kill -USR1 "$(pid_of "$1")"
  ended "$1"
}

# The windows are 16 MiB at most (ARCHITECTURE), the sockets' buffers on the way may hold some MiB each.
stands_still() {
  (($1 < 64 << 20))
}

@test "streams: a visitor who stops reading stops the origin, and costs no memory and no processor time" {
  fetch '/bytes?n=100000000' -o /dev/null # windows have grown
  remember
  start visitor "$peers/visitor.py" stall "$edge_http" '/flow?n=300000000&id=slow' --flowed '/flowed?id=slow'
  wait_for visitor.out '"flowed"'
  stands_still "$(value .flowed visitor)"
  grew_less $((40 << 10))
  is_idle
  [ "$(fetch '/bytes?n=65536' | sha256sum)" = "$(sum_of 65536)  -" ]
  go visitor
  [ "$(value .sum visitor | tail -n 1)" = "$(sum_of 300000000)" ]
}

@test "streams: an origin that stops reading stops the visitor, and costs no memory and no processor time" {
  head -c 100000000 /dev/zero | fetch /upload -T - -o /dev/null
  remember
  start visitor "$peers/visitor.py" fill "$edge_http" '/hold?id=slow'
  wait_for visitor.out '"sent"'
  stands_still "$(value .sent visitor)"
  grew_less $((40 << 10))
  is_idle
  head -c 1000000 /dev/zero >"$BATS_TEST_TMPDIR/body"
  [ "$(fetch /upload --data-binary @"$BATS_TEST_TMPDIR/body" | jq .length)" = 1000000 ]
  fetch '/release?id=slow'
  go visitor
  [ "$(value 'select(.whole) | .status' visitor)" = 200 ]
}

@test "streams: twenty visitors who stop reading hold up nobody else" {
  remember
  for i in {1..20}; do
    start "visitor$i" "$peers/visitor.py" stall "$edge_http" "/flow?n=50000000&id=$i" --flowed "/flowed?id=$i"
  done
  for i in {1..20}; do
    wait_for "visitor$i.out" '"flowed"'
  done
  grew_less $((200 << 10))
  is_idle
  [ "$(fetch '/bytes?n=3000000' | sha256sum)" = "$(sum_of 3000000)  -" ]
  head -c 3000000 /dev/zero >"$BATS_TEST_TMPDIR/body"
  [ "$(fetch /upload --data-binary @"$BATS_TEST_TMPDIR/body" | jq .length)" = 3000000 ]
}

@test "streams: visitors who leave in the middle leave nothing behind" {
  for i in {1..30}; do
    timeout 0.05 curl -s "http://$edge_http/flow?n=300000000&id=gone" -o /dev/null || true
  done
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_requests_active 0
  within "$wait_s" metric_is "$connector_metrics" cloudflared_tunnel_active_streams 0
}

# bats test_tags=interop
@test "streams: an upload that stands still does not hold up the others of its connection" {
  connections=1 start_tunnel
  start visitor "$peers/visitor.py" fill "$edge_http" '/hold?id=still'
  wait_for visitor.out '"sent"'
  for size in 5 1000000; do
    head -c $size /dev/zero >"$BATS_TEST_TMPDIR/body"
    [ "$(fetch /upload --data-binary @"$BATS_TEST_TMPDIR/body" --max-time 60 | jq .length)" = $size ]
  done
  fetch '/release?id=still' -o /dev/null
  go visitor
  [ "$(value 'select(.whole) | .status' visitor)" = 200 ]
}

# bats test_tags=slow
@test "streams: a line of 8 kB a second carries an answer for a minute, and is not taken for dead" {
  credentials web
  start_origin
  start_edge
  start line "$peers/slowlink.py" "${edge_tunnel##*:}" 8000
  wait_for line.out '^ready'
  edge_tunnel=127.0.0.1:$(awk '/^ready/ {print $2}' "$(file_of line.out)")
  connections=1 start_connector connector --url "http://127.0.0.1:$origin_port"
  [ "$(wait_s=150 fetch '/bytes?n=500000' | sha256sum)" = "$(sum_of 500000)  -" ]
}
