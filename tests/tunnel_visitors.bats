#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# Visitors who mean no good, and peers of the tunnel that do not either: each loses its own connection, nobody else's.

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

# still_serves: a request after all that.
still_serves() {
  [ "$(fetch '/bytes?n=65536' | sha256sum)" = "$(sum_of 65536)  -" ]
}

# refused STATUS BYTES: printf's format of a request; the edge answers with the status, closes, and sends nothing on.
refused() {
  local before after
  before=$(metric "$connector_metrics" cloudflared_tunnel_total_requests)
  # shellcheck disable=SC2059 # the bytes are a format
  printf "$2" | raw "$edge_http" >"$BATS_TEST_TMPDIR/answer"
  [ "$(head -n 1 "$BATS_TEST_TMPDIR/answer" | cut -d' ' -f2)" = "$1" ] ||
    fail_with "for $2:" "$(head -n 5 "$BATS_TEST_TMPDIR/answer")"
  [ "$(grep -c '^HTTP/1.1 ' "$BATS_TEST_TMPDIR/answer")" = 1 ]
  after=$(metric "$connector_metrics" cloudflared_tunnel_total_requests)
  [ "$before" = "$after" ] || fail_with "was sent on: $2"
}

smuggled='GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

@test "hostile: a body that could be delimited in two ways" {
  refused 400 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$smuggled"
  refused 400 "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n$smuggled"
  refused 400 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello$smuggled"
  refused 400 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\nhello$smuggled"
  refused 400 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello$smuggled"
  refused 400 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nhello$smuggled"
  refused 400 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello$smuggled"
  refused 400 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nhello$smuggled"
  refused 400 "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$smuggled"
}

@test "hostile: a transfer coding that is not just chunked" {
  for coding in 'gzip, chunked' 'chunked, chunked' 'identity' 'xchunked' 'chunked, identity' '\x0bchunked'; do
    # shellcheck disable=SC2059
    printf "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: $coding\r\n\r\n0\r\n\r\n$smuggled" | raw "$edge_http" \
      >"$BATS_TEST_TMPDIR/answer"
    [[ $(head -n 1 "$BATS_TEST_TMPDIR/answer" | cut -d' ' -f2) =~ ^(400|501)$ ]]
    [ "$(grep -c '^HTTP/1.1 ' "$BATS_TEST_TMPDIR/answer")" = 1 ]
  done
}

@test "hostile: bare line feeds, folded lines, NUL, blanks where none may be" {
  refused 400 "GET / HTTP/1.1\nHost: x\n\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n folded\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x\r\nX-A: a\\000b\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x\r\nX-A : 1\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x\r\n X-A: 1\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x\r\nX-A\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\rX-B: 2\r\n\r\n$smuggled"
  refused 400 "GET  / HTTP/1.1\r\nHost: x\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1 \r\nHost: x\r\n\r\n$smuggled"
  refused 400 "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n$smuggled"
  refused 400 "G\x7fT / HTTP/1.1\r\nHost: x\r\n\r\n$smuggled"
}

@test "hostile: no host, two hosts, a host that is none" {
  refused 400 "GET / HTTP/1.1\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x y\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: x/../y\r\n\r\n$smuggled"
  refused 400 "GET / HTTP/1.1\r\nHost: user@x\r\n\r\n$smuggled"
}

@test "hostile: other protocols, other versions, CONNECT" {
  refused 400 "\x16\x03\x01\x02\\000\x01\r\n\r\n"
  refused 505 "GET / HTTP/2.0\r\nHost: x\r\n\r\n"
  refused 505 "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
  refused 400 "GET /\r\n\r\n"
  run -0 bash -c "printf 'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\nConnection: close\r\n\r\n' | timeout 60 curl -s telnet://$edge_http"
  [[ ${lines[0]} =~ ^HTTP/1.1\ (400|405|501) ]]
}

@test "hostile: more than can be taken" {
  refused 431 "GET / HTTP/1.1\r\nHost: x\r\nX-A: $(head -c 40000 /dev/zero | tr '\0' a)\r\n\r\n"
  refused 431 "GET / HTTP/1.1\r\nHost: x\r\n$(for i in {1..4000}; do printf 'X-%s: aaaaaaaaaaaaaaaaa\\r\\n' "$i"; done)\r\n"
  refused 414 "GET /$(head -c 20000 /dev/zero | tr '\0' a) HTTP/1.1\r\nHost: x\r\n\r\n"
}

@test "hostile: bodies in broken chunks" {
  for chunks in 'z\r\n' '5\nhello\r\n0\r\n\r\n' '5\r\nhelloX\r\n0\r\n\r\n' '-1\r\n' 'ffffffffffffffff1\r\n' '0x5\r\nhello\r\n0\r\n\r\n' \
    '5 \r\nhello\r\n0\r\n\r\n' '0\r\nX-A : 1\r\n\r\n'; do
    # shellcheck disable=SC2059
    printf "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n$chunks$smuggled" | raw "$edge_http" \
      >"$BATS_TEST_TMPDIR/answer"
    run grep -c '^HTTP/1.1 2' "$BATS_TEST_TMPDIR/answer"
    [ "$output" = 0 ] || fail_with "for $chunks: $(head -c 300 "$BATS_TEST_TMPDIR/answer")"
  done
  still_serves
}

@test "hostile: a request head that never ends is given up, and others are served meanwhile" {
  start slow "$peers/visitor.py" dribble "$edge_http" / --seconds 40
  for _ in 1 2 3 4 5; do
    still_serves
  done
  ended slow
  [ "$(value '.status' slow)" = 408 ]
  [ "$(value '.seconds | . > 10 and . < 20' slow)" = true ]
}

@test "hostile: a thousand connections that say nothing hold nobody up" {
  start idle "$peers/visitor.py" idle "$edge_http" / --count 1000
  wait_for idle.out open
  still_serves
  [ "$(metric "$edge_metrics" outbore_edge_visitors)" -ge 1000 ]
  stop idle KILL
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_visitors 0
}

@test "hostile: garbage at the tunnel's port" {
  printf 'GET / HTTP/1.1\r\n\r\n' | raw "$edge_tunnel" >/dev/null || true
  head -c 10000 /dev/urandom | wait_s=2 raw "$edge_tunnel" >/dev/null || true # might be the start of a long record
  printf 'hello' | openssl s_client -quiet -no_ign_eof -connect "$edge_tunnel" 2>/dev/null || true
  still_serves
}

@test "hostile: connectors of every hostile kind harm no other tunnel" {
  local secret
  credentials web
  credentials other 22222222-3333-4444-5555-666666666666
  start_origin
  start_edge --credentials web.json --credentials other.json --route 'x=web' --route 'y=other'
  web=other.json tunnel_id=22222222-3333-4444-5555-666666666666 start_connector other --url "http://127.0.0.1:$origin_port"
  secret=$(jq -r .TunnelSecret "$BATS_TEST_TMPDIR/web.json" | base64 -d | od -An -tx1 | tr -d ' \n')
  for mode in silent no-control-stream garbage-control huge-capnp close-after-register ping-flood goaway window-stall \
    reset-storm big-header-100k continuation-flood; do
    start hostile "$peers/h2connector.py" "$edge_tunnel" --cacert "$cacert" --mode $mode --secret "$secret"
    wait_for hostile.out '^ready'
    curl -s --max-time 2 -o /dev/null -H 'Host: x' "http://$edge_http/" || true
    [ "$(fetch '/bytes?n=65536' -H 'Host: y' | sha256sum)" = "$(sum_of 65536)  -" ] || fail_with "after $mode"
    signal hostile KILL 2>/dev/null || true # some have been cut off and are gone
    ended hostile
  done
  is_running edge
}

@test "hostile: answers whose serialised header is no good are 502, and none of their bytes get out" {
  credentials web
  start_edge
  start hostile "$peers/h2connector.py" "$edge_tunnel" --cacert "$cacert" --mode bad-headers \
    --secret "$(jq -r .TunnelSecret "$BATS_TEST_TMPDIR/web.json" | base64 -d | od -An -tx1 | tr -d ' \n')"
  wait_for hostile.out '^ready'
  for n in {0..10}; do
    run -0 fetch "/?n=$n" -i
    [[ ${lines[0]} == 'HTTP/1.1 502 '* ]] || fail_with "n=$n: $output"
    [[ $output != *injected* ]]
  done
  run -0 fetch '/?n=11' -i # hop-by-hop fields: dropped, the rest is fine
  [[ ${lines[0]} == 'HTTP/1.1 200 '* ]]
  [[ ${output,,} != *x-a:* ]]
}
