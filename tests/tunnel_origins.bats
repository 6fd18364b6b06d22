#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# What stands behind the connector: the kinds of service and the settings of a rule, from a configuration file.

load lib

setup_file() {
  cd "$BATS_FILE_TMPDIR" || return
  credentials web
  certificate localhost
  certificate origin.internal
  start_origin
  start_named unix --unix "$PWD/unix.socket"
  start_named unixtls --unix "$PWD/unixtls.socket" --tls origin.internal.pem origin.internal.key
  start_named tls --tls origin.internal.pem origin.internal.key
  start_named h2 --tls localhost.pem localhost.key --h2
  start_named h1 --tls localhost.pem localhost.key
  configuration >config.yml
  start_edge
  start_connector connector --config config.yml
}

teardown_file() {
  stop_all
}

# certificate NAME: NAME.pem and NAME.key, trusted by nobody who is not told to.
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$1.key" -out "$1.pem" \
    -subj "/CN=$1" -addext "subjectAltName=DNS:$1" 2>/dev/null
}

# start_named NAME [OPTION...]: one more origin.
start_named() {
  start "$1" "$peers/origin.py" "${@:2}"
  wait_for "$1.out" '^ready '
}

port_of() {
  awk '/^ready /{print $2}' "$BATS_FILE_TMPDIR/$1.out"
}

configuration() {
  cat <<END_OF_FILE
tunnel: $tunnel_id
credentials-file: $PWD/web.json
no-autoupdate: true
ingress:
- hostname: plain.test
  path: ^/only/this
  service: http_status:204
- hostname: plain.test
  service: http://127.0.0.1:$origin_port
- hostname: named.test
  service: http://127.0.0.1:$origin_port
  originRequest:
    httpHostHeader: inner.test
- hostname: ws.test
  service: ws://127.0.0.1:$origin_port
- hostname: status.test
  service: http_status:418
- hostname: hello.test
  service: hello_world
- hostname: unix.test
  service: unix:$PWD/unix.socket
- hostname: unixtls.test
  service: unix+tls:$PWD/unixtls.socket
  originRequest:
    noTLSVerify: true
- hostname: untrusted.test
  service: https://localhost:$(port_of tls)
- hostname: unverified.test
  service: https://localhost:$(port_of tls)
  originRequest:
    noTLSVerify: true
- hostname: misnamed.test
  service: https://localhost:$(port_of tls)
  originRequest:
    caPool: $PWD/origin.internal.pem
- hostname: pooled.test
  service: https://localhost:$(port_of tls)
  originRequest:
    caPool: $PWD/origin.internal.pem
    originServerName: origin.internal
- hostname: origin.internal
  service: https://localhost:$(port_of tls)
  originRequest:
    caPool: $PWD/origin.internal.pem
    matchSNItoHost: true
- hostname: h2.test
  service: https://localhost:$(port_of h2)
  originRequest:
    noTLSVerify: true
    http2Origin: true
- hostname: h2asked.test
  service: https://localhost:$(port_of h1)
  originRequest:
    noTLSVerify: true
    http2Origin: true
- hostname: wss.test
  service: wss://localhost:$(port_of h2)
  originRequest:
    noTLSVerify: true
- hostname: refused.test
  service: http://127.0.0.1:1
- hostname: closed.test
  service: unix:$PWD/nothing.socket
- service: http_status:404
END_OF_FILE
}

# as HOST PATH [CURL OPTION...]
as() {
  fetch "$2" -H "Host: $1" "${@:3}"
}

# status_of HOST PATH
status_of() {
  as "$1" "$2" -o /dev/null -w '%{http_code}'
}

# bats test_tags=interop
@test "origins: rules are chosen by host and path, the last one takes the rest" {
  [ "$(status_of plain.test /only/this/one)" = 204 ]
  [ "$(status_of plain.test /bytes)" = 200 ]
  [ "$(status_of PLAIN.Test /only/this)" = 204 ]
  [ "$(status_of other.test /)" = 404 ]
}

# bats test_tags=interop
@test "origins: http_status" {
  [ "$(status_of status.test /)" = 418 ]
}

@test "origins: hello_world shows the request, and echoes a WebSocket" {
  run -0 as hello.test '/some/where?x=1' -H 'X-Mine: <yes>'
  [[ $output == *'/some/where?x=1'* ]]
  [[ $output == *'&#60;yes&#62;'* ]]
  run -0 "$peers/wsvisitor.py" leave "ws://$edge_http/echo" --host hello.test --code 4003
  [ "$output" = '{"code": 4003}' ]
}

# bats test_tags=interop
@test "origins: a unix socket, plain and with TLS" {
  [ "$(as unix.test /echo -d hi | jq .body.length)" = 2 ]
  [ "$(as unixtls.test /echo -d hi | jq .body.length)" = 2 ]
  [ "$(status_of closed.test /)" = 502 ]
}

# bats test_tags=interop
@test "origins: HTTPS is verified unless it is not to be" {
  [ "$(status_of untrusted.test /echo)" = 502 ]
  [ "$(status_of misnamed.test /echo)" = 502 ]
  [ "$(status_of unverified.test /echo)" = 200 ]
  [ "$(status_of pooled.test /echo)" = 200 ]
  [ "$(status_of origin.internal /echo)" = 200 ]
}

# bats test_tags=interop
@test "origins: httpHostHeader names the host, and x-forwarded-host the one that was asked for" {
  run -0 as named.test /echo
  [ "$(jq -c '[.headers[] | select(.[0] | ascii_downcase | . == "host" or . == "x-forwarded-host")[1]]' <<<"$output")" = \
    '["inner.test","named.test"]' ]
}

# bats test_tags=interop
@test "origins: HTTP/2 where the origin offers it, bodies both ways, and HTTP/1.1 where it does not" {
  [ "$(as h2.test /echo -d hi | jq -c '[.http2, .body.length]')" = '[true,2]' ]
  [ "$(as h2.test '/bytes?n=20000000' | sha256sum)" = "$(sum_of 20000000)  -" ]
  [ "$(head -c 20000000 /dev/zero | as h2.test /upload -T - | jq .length)" = 20000000 ]
  [ "$(as h2asked.test /echo -d hi | jq -c '[.http2, .body.length]')" = '[false,2]' ]
  [ "$(as h2.test /echo | jq .connection)" = "$(as h2.test /echo | jq .connection)" ]
}

# bats test_tags=interop
@test "origins: 200 requests at once over one HTTP/2 connection to the origin" {
  run -0 "$peers/visitor.py" many "$edge_http" '/meet?n=200&id=h2' --count 200 --host h2.test
  [ "$(jq -c .statuses <<<"$output")" = '{"200":200}' ]
}

# bats test_tags=interop
@test "origins: WebSockets to ws:, wss: and to a rule with http2Origin" {
  for host in ws.test wss.test h2.test; do
    run -0 "$peers/wsvisitor.py" echo "ws://$edge_http/ws" --host $host
    [ "$(jq .echoed <<<"$output")" = 10 ]
  done
}

@test "origins: WebSockets to unix sockets, which cloudflared 2026.7.1 cannot (\"no Host in request URL\")" {
  for host in unix.test unixtls.test; do
    run -0 "$peers/wsvisitor.py" echo "ws://$edge_http/ws" --host $host
    [ "$(jq .echoed <<<"$output")" = 10 ]
  done
}

# bats test_tags=interop
@test "origins: a connection is used again" {
  first=$(as plain.test /echo | jq .connection)
  for _ in 1 2 3; do
    [ "$(as plain.test /echo | jq .connection)" = "$first" ]
  done
}

# bats test_tags=interop
@test "origins: one that refuses is 502" {
  [ "$(status_of refused.test /)" = 502 ]
}
