#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# WebSockets through the tunnel, by two implementations that nobody here wrote: Python's websockets and Node's ws.

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

visit() {
  local mode=$1
  shift
  "$peers/wsvisitor.py" "$mode" "ws://$edge_http/ws" "$@"
}

# ask PATH [CURL OPTION...]: a request for an upgrade as curl can make it; the key is the one of RFC 6455, 1.3.
ask() {
  fetch "$1" -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H "Sec-WebSocket-Version: ${version:-13}" \
    -H "Sec-WebSocket-Key: ${key:-dGhlIHNhbXBsZSBub25jZQ==}" -w '%{http_code}' "${@:2}"
}

# bats test_tags=interop
@test "websocket: texts, binaries, fragments, 1 MiB each way" {
  run -0 visit echo --subprotocol chat --subprotocol other
  [ "$output" = '{"echoed": 10, "fragments": "in three pieces", "subprotocol": "chat"}' ]
}

# bats test_tags=interop
@test "websocket: over TLS" {
  run -0 "$peers/wsvisitor.py" echo "wss://localhost:${edge_tls##*:}/ws" --cacert "$cacert"
  [ "$(jq .echoed <<<"$output")" = 10 ]
}

# bats test_tags=interop
@test "websocket: pings of both sides are answered" {
  run -0 visit ping
  [ "$output" = '{"pong": true, "after": "after"}' ]
}

# bats test_tags=interop
@test "websocket: the server's close codes arrive" {
  for code in 1000 1001 1011 3000 4999; do
    run -0 visit close --code $code
    [ "$output" = "{\"code\": $code, \"reason\": \"bye\"}" ]
  done
}

# bats test_tags=interop
@test "websocket: the visitor's close code is answered" {
  run -0 visit leave --code 4002
  [ "$output" = '{"code": 4002}' ]
}

# bats test_tags=interop
@test "websocket: 500 open at once" {
  run -0 visit many --count 500
  [ "$output" = '{"right": 500, "open_at_once": 500}' ]
}

# bats test_tags=interop
@test "websocket: Node's ws at both ends, with compression and close codes" {
  start node-ws node "$peers/ws.js" serve
  wait_for node-ws.out '^ready '
  credentials web
  start_edge
  start_connector connector --url "http://127.0.0.1:$(awk '{print $2}' "$(file_of node-ws.out)")"
  run -0 node "$peers/ws.js" talk "ws://$edge_http/any?x=1"
  [ "$(jq -c '[.echoed, .pongs, .code]' <<<"$output")" = '[6,1,4002]' ]
  [[ $(jq -r .extensions <<<"$output") == permessage-deflate* ]]
  wait_for node-ws.out '"code":4002'
  [ "$(value '[.path, .reason]' node-ws)" = '["/any?x=1","enough"]' ]
}

@test "websocket: the edge's metrics count them, and forget those that ended" {
  local before
  before=$(metric "$edge_metrics" outbore_edge_websockets_total)
  run -0 visit many --count 7
  [ "$(metric "$edge_metrics" outbore_edge_websockets_total)" = $((before + 7)) ]
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_websockets_active 0
  within "$wait_s" metric_is "$connector_metrics" cloudflared_tunnel_active_streams 0
}

# bats test_tags=interop
@test "websocket: an origin that refuses is an ordinary answer, and so is one that knows no WebSocket" {
  run -0 ask /ws-refuse
  [ "$output" = $'no WebSocket for you\n403' ]
  run -0 ask '/bytes?n=3' -o /dev/null
  [ "$output" = 200 ]
}

# bats test_tags=interop
@test "websocket: a wrong accept key is a 502, not a 101" {
  run -0 ask /ws-wrong -o /dev/null
  [ "$output" = 502 ]
}

@test "websocket: other upgrades are not forwarded as such" {
  [ "$(fetch /echo -H 'Connection: Upgrade' -H 'Upgrade: h2c' |
    jq -c '[.headers[] | select(.[0] | ascii_downcase == "upgrade")]')" = '[]' ]
}

@test "websocket: a malformed upgrade is refused" {
  run -0 ask /ws -o /dev/null -d x
  [ "$output" = 400 ]
  key=short run -0 ask /ws -o /dev/null
  [ "$output" = 400 ]
  version=8 run -0 ask /ws -o /dev/null
  [ "$output" = 426 ]
}

@test "websocket: a half-closed connection is drained by the other side" {
  {
    printf 'GET /ws-drain HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    printf 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
    head -c 3000000 /dev/zero
  } >"$BATS_TEST_TMPDIR/request"
  run -0 "$peers/visitor.py" half "$edge_http" "$BATS_TEST_TMPDIR/request"
  [ "$(jq -r .rest <<<"$output")" = "$(head -c 3000000 /dev/zero | sha256sum | cut -d' ' -f1)" ]
}

@test "websocket: an origin that goes away ends the visitor's connection" {
  start_tunnel
  start visitor "$peers/wsvisitor.py" wait "ws://$edge_http/ws"
  wait_for visitor.out '"open"'
  stop origin KILL
  ended visitor
  [ "$(value 'select(.event == "closed").code' visitor)" = 1006 ]
}
