#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# The peers of tests/peers against each other, so that a failure elsewhere is not theirs.

load lib

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
    -subj /CN=test -addext 'subjectAltName=DNS:h2.cftunnel.com,IP:127.0.0.1' 2>openssl.log
}

teardown() {
  stop_all
}

# ready NAME COMMAND...: start it and wait; `port` is what it says it is ready on.
ready() {
  start "$@"
  wait_for "$1.out" '^ready '
  port=$(awk '/^ready /{print $2}' "$1.out")
}

edge() {
  ready edge "$peers/h2edge.py" --tls cert.pem key.pem "$@"
}

connector() {
  ready connector "$peers/h2connector.py" "127.0.0.1:$port" --cacert cert.pem "$@"
}

@test "the origin serves one sequence whole, in chunks and until it closes" {
  ready origin "$peers/origin.py"
  sum=$("$peers/origin.py" --sum 200000)
  for target in 'bytes?n=200000' 'chunked?n=200000&trailer=1' 'eof?n=200000'; do
    run -0 curl -sf "http://127.0.0.1:$port/$target" -o body
    [ "$(sha256sum <body)" = "$sum  -" ]
  done
  run -0 curl -sf -D - "http://127.0.0.1:$port/chunked?n=5&trailer=1" -o body
  [[ "$output" == *"x-checksum: $("$peers/origin.py" --sum 5)"* ]]
}

@test "the origin sums an upload, with and without its length" {
  ready origin "$peers/origin.py"
  head -c 300000 /dev/zero >zeros
  sum=$(sha256sum <zeros | cut -d' ' -f1)
  curl -sf "http://127.0.0.1:$port/upload" -T zeros | jq -e ".sha256 == \"$sum\" and .length == 300000"
  curl -sf "http://127.0.0.1:$port/upload" -T - <zeros | jq -e ".sha256 == \"$sum\" and .length == 300000"
}

@test "the origin breaks off and refuses as it is asked to" {
  ready origin "$peers/origin.py"
  run -52 curl -s "http://127.0.0.1:$port/noheader"
  run -56 curl -s "http://127.0.0.1:$port/reset"
  run -0 curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/status/503"
  [ "$output" = 503 ]
  run -0 curl -s -H 'expect: 100-continue' -d x "http://127.0.0.1:$port/continue?refuse=1" -w '%{http_code}' -o /dev/null
  [ "$output" = 403 ]
}

@test "the origin speaks HTTP/2 over TLS" {
  ready origin "$peers/origin.py" --h2 --tls cert.pem key.pem
  curl -sf --http2 --cacert cert.pem "https://127.0.0.1:$port/echo" -d hi >answer
  [ "$(jq -c '[.http2, .method, .body.length]' answer)" = '[true,"POST",2]' ]
}

@test "the origin listens on a unix socket" {
  ready origin "$peers/origin.py" --unix "$PWD/socket"
  run -0 curl -sf --unix-socket socket http://localhost/1xx
  [[ "$output" == *"after the hints"* ]]
}

@test "two links register, in either form of the call" {
  for form in pipelined imported; do
    edge
    connector --connections 2 --register "$form" --secret "$(printf 'ab%.0s' {1..32})"
    [ "$(value 'select(.event == "registered") | .index' edge | sort | paste -sd,)" = 0,1 ]
    [ "$(value 'select(.event == "registered") | .secret' edge | sort -u)" = "$(printf 'ab%.0s' {1..32})" ]
    stop_all
  done
}

@test "a refused registration reaches the connector as the edge gave it" {
  edge --register unauthorized
  run -1 "$peers/h2connector.py" "127.0.0.1:$port" --cacert cert.pem
  [[ "$output" == *'"error": "Unauthorized: Invalid tunnel secret", "retry": false'* ]]
}

@test "requests, uploads, downloads and a WebSocket pass" {
  cat >script <<'END'
{"id": "fixed", "path": "/", "body": "hi"}
{"id": "down", "path": "/bytes?n=3000000"}
{"id": "up", "path": "/", "method": "POST", "body_bytes": 3000000}
{"id": "socket", "type": "websocket", "messages": ["one", "two", "!close 4001 bye"]}
{"op": "wait"}
{"id": "many", "times": 300}
END
  edge --script script --stay
  connector --header 'X-A: 1' --status 201
  wait_for edge.out '"id": "many"'
  [ "$(value 'select(.id == "fixed") | [.status, .meta.src, .headers[0], .body]' edge)" = \
    '[201,"origin",["X-A","1"],"hello from the peer\n"]' ]
  [ "$(value 'select(.id == "down").sha256' edge)" = "$("$peers/origin.py" --sum 3000000)" ]
  [ "$(value 'select(.length == 3000000).sha256' connector)" = "$("$peers/origin.py" --sum 3000000)" ]
  [ "$(value 'select(.id == "socket") | [.messages, .close]' edge)" = '[["one","two"],4001]' ]
  [ "$(value 'select(.id == "many").statuses' edge)" = '{"201":300}' ]
}

@test "a stopped connector unregisters and the edge closes" {
  edge
  connector
  stop connector
  wait_for edge.out '"event": "closed"'
  [ "$(value 'select(.event == "unregistered").link' edge)" = 0 ]
}

@test "hostile connectors do what they say, and /plain is answered all the same" {
  cat >script <<'END'
{"id": "attack", "path": "/?n=0", "timeout": 5}
{"op": "wait"}
{"id": "plain", "path": "/plain"}
END
  while read -r mode filter expected; do
    edge --script script --stay
    connector --mode "$mode"
    wait_for edge.out '"id": "plain"'
    [ "$(value "select(.id == \"attack\") | $filter" edge)" = "$expected" ]
    [ "$(value 'select(.id == "plain").status' edge)" = 200 ]
    stop_all
  done <<'END'
reset-storm .reset 8
bad-headers .headers[0] ["x-a","b\r\nset-cookie: injected=1"]
big-header-100k (.headers[0][1]|length) 102400
big-header-1m (.headers[0][1]|length) 1048576
goaway .status 200
ping-flood .status 200
END
}

@test "a connector that stalls the window stops an upload and nothing else" {
  cat >script <<'END'
{"id": "small", "path": "/", "body_bytes": 1000}
{"op": "wait"}
{"id": "large", "path": "/", "body_bytes": 200000, "timeout": 2}
END
  edge --script script --stay
  connector --mode window-stall
  wait_for edge.out '"id": "large"'
  [ "$(value 'select(.id == "small").status' edge)" = 200 ]
  [ "$(value 'select(.id == "large").reset' edge)" = timeout ]
}

@test "hostile connectors that never register are seen as such" {
  for mode in silent no-control-stream garbage-control huge-capnp; do
    edge
    connector --mode "$mode"
    wait_for edge.out '"event": "link"'
    [ -z "$(value 'select(.event == "registered")' edge)" ]
    stop_all
  done
  edge
  connector --mode garbage-control
  wait_for edge.out '"event": "malformed"'
}

@test "hostile edges do what they say to a connector that registered" {
  for mode in reset-storm ping-flood big-header-100k big-header-1m goaway; do
    edge --mode "$mode"
    connector
    wait_for edge.out '"event": "attacked"'
    stop_all
  done
  edge --mode close-after-register
  connector
  wait_for connector.out '"event": "closed"'
}
