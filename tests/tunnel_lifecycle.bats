#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# Connectors and edges come, go, and lose each other.

load lib

teardown() {
  stop_all
}

# ends_with NAME STATUS: it ends by itself.
ends_with() {
  ended "$1"
  [ "$exit_status" = "$2" ] || fail_with "$1 ended with $exit_status" "$(tail -n 5 "$(file_of "$1.err")")"
}

# a_slow_answer: a visitor in the middle of one; `let_end slow 3` lets it end.
a_slow_answer() {
  start visitor "$peers/visitor.py" steps "$edge_http" '/step?n=3&id=slow'
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_requests_active 1
}

# bats test_tags=interop
@test "lifecycle: a stopped connector unregisters and ends with 0" {
  start_tunnel
  stop connector
  [ "$exit_status" = 0 ]
  wait_for edge.err 'unregistered' 2
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_tunnel_connections 0
  [ "$(metric "$edge_metrics" outbore_edge_tunnel_connections_lost_total)" = 0 ]
}

# bats test_tags=interop
@test "lifecycle: a request in flight ends whole when the connector is stopped, and no new one is sent there" {
  start_tunnel
  a_slow_answer
  signal connector TERM
  wait_for edge.err 'unregistered' 2
  is_running connector
  run -0 fetch /echo -o /dev/null -w '%{http_code}'
  [ "$output" = 530 ]
  let_end slow 3
  ended visitor
  [ "$(value '.events | length' visitor)" = 3 ]
  ends_with connector 0
}

# bats test_tags=interop
@test "lifecycle: /ready of the connector is 503 once it is stopping" {
  start_tunnel
  a_slow_answer
  signal connector TERM
  wait_for edge.err 'unregistered' 2
  run -0 curl -s -o /dev/null -w '%{http_code}' "http://$connector_metrics/ready"
  [ "$output" = 503 ]
  let_end slow 3
  ends_with connector 0
}

# bats test_tags=interop
@test "lifecycle: a second signal ends the connector at once" {
  start_tunnel
  a_slow_answer
  signal connector TERM
  wait_for edge.err 'unregistered' 2
  is_running connector
  signal connector TERM
  ended connector 15
}

@test "lifecycle: the grace period bounds how long the connector waits" {
  credentials web
  start_origin
  start_edge
  start_connector connector --url "http://127.0.0.1:$origin_port" --grace-period 1s
  a_slow_answer
  signal connector TERM
  ended connector 20
  [ "$exit_status" = 0 ]
}

# bats test_tags=interop
@test "lifecycle: a wrong secret is refused, and the connector keeps trying" {
  credentials web
  start_origin
  start_edge
  credentials web # another secret
  launch_connector connector --url "http://127.0.0.1:$origin_port"
  wait_for edge.err 'registration refused|refused' 2
  is_running connector
  [ "$(metric "$edge_metrics" outbore_edge_tunnel_connections)" = 0 ]
  [ "$(metric "$edge_metrics" outbore_edge_registrations_refused_total)" -ge 2 ]
  run -0 fetch /echo -o /dev/null -w '%{http_code}'
  [ "$output" = 530 ]
  run grep -r "$(jq -r .TunnelSecret "$BATS_TEST_TMPDIR/web.json")" "$BATS_TEST_TMPDIR" --include="*.err" --include="*.out"
  [ "$status" = 1 ]
}

@test "lifecycle: a connector that finds no edge keeps trying, without haste" {
  credentials web
  start_edge
  stop edge
  connections=1 launch_connector connector --url http://127.0.0.1:9
  wait_for connector.err 'refused' 3
  (($(grep -c refused "$(file_of connector.err)") < 6))
  start_edge
  wait_registered connector 1
}

# bats test_tags=interop
@test "lifecycle: the edge restarts and the connector comes back" {
  connections=4 start_tunnel
  signal edge KILL
  ended edge
  start_edge
  wait_s=60 wait_for edge.err '(^|[^n])registered ' 4
  [ "$(fetch '/bytes?n=65536' | sha256sum)" = "$(sum_of 65536)  -" ]
}

# bats test_tags=interop
@test "lifecycle: an edge that is told to stop lets requests end, and the connector comes back to the next" {
  start_tunnel
  a_slow_answer
  signal edge TERM
  wait_for edge.err draining
  run -7 fetch /echo # nobody listens
  let_end slow 3
  ended visitor
  [ "$(value '.events | length' visitor)" = 3 ]
  ends_with edge 0
  start_edge
  wait_s=60 wait_for edge.err '(^|[^n])registered ' 1
  [ "$(fetch '/bytes?n=1' | sha256sum)" = "$(sum_of 1)  -" ]
}

@test "lifecycle: a draining edge answers 503 to who has begun to ask" {
  local fd
  start_tunnel
  exec {fd}<>"/dev/tcp/127.0.0.1/${edge_http##*:}"
  printf 'GET /echo HTTP/1.1\r\nHost: x\r\n' >&"$fd"
  fetch /echo -o /dev/null # the edge has been round its loop since
  signal edge TERM
  wait_for edge.err draining
  printf '\r\n' >&"$fd"
  run -0 timeout "$wait_s" cat <&"$fd"
  exec {fd}>&-
  [[ ${lines[0]} == 'HTTP/1.1 503 '* ]]
  [[ $output == *'connection: close'* ]]
  [[ $output == *'going out of service'* ]]
  ends_with edge 0
}

# bats test_tags=interop
@test "lifecycle: of two replicas one is killed under load, and no idempotent GET fails" {
  credentials web
  start_origin
  start_edge
  start_connector first --url "http://127.0.0.1:$origin_port"
  start_connector second --url "http://127.0.0.1:$origin_port"
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_tunnel_connections 4
  start visitor "$peers/visitor.py" load "$edge_http" '/slow?ms=20' --count 40 --seconds 60
  wait_for visitor.out loading
  within "$wait_s" more_requests_than 500
  stop first KILL
  within "$wait_s" more_requests_than "$(($(metric "$edge_metrics" outbore_edge_requests_total) + 500))"
  kill -TERM "$(pid_of visitor)"
  ended visitor
  value .statuses,.failures visitor # shown if it fails
  # An answer that has begun cannot be asked for again. cloudflared sends head and body apart, so a few may be cut.
  local cut=0
  [[ $CONNECTOR = ours ]] || cut=3
  [ "$(value 'select(.statuses) | [(.failures | keys - ["cut short"]), (.statuses | keys)]' visitor)" = '[[],["200"]]' ]
  [ "$(value 'select(.statuses) | .failures["cut short"] // 0' visitor)" -le $cut ]
  [ "$(metric "$edge_metrics" outbore_edge_retries_total)" -gt 0 ]
}

more_requests_than() {
  (($(metric "$edge_metrics" outbore_edge_requests_total) > $1))
}

# bats test_tags=interop
@test "lifecycle: a dead connector fails its streams at once" {
  start_tunnel
  start get "$peers/visitor.py" many "$edge_http" '/meet?n=99&id=never' --count 3
  start post curl -s -o /dev/null -w '%{http_code}' -d x "http://$edge_http/meet?n=99&id=never"
  start socket "$peers/wsvisitor.py" wait "ws://$edge_http/ws"
  start download curl -s -o /dev/null "http://$edge_http/step?n=5&id=never"
  wait_for socket.out open
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_requests_active 6
  stop connector KILL
  for name in get post socket download; do
    ended $name 3
  done
  [ "$(value .statuses get)" = '{"502":3}' ]
  [ "$(<"$BATS_TEST_TMPDIR/post.out")" = 502 ]
  [ "$(value 'select(.event == "closed").code' socket)" = 1006 ]
}

@test "lifecycle: a second signal ends the edge at once, and its grace period does so later" {
  start_tunnel
  a_slow_answer
  signal edge TERM
  wait_for edge.err draining
  is_running edge
  signal edge INT
  ended edge 15
  [ "$exit_status" = 0 ]
  start_edge --credentials web.json --route '*=web' --grace-period 1s
  wait_for edge.err '(^|[^n])registered ' 1
  a_slow_answer
  signal edge TERM
  ended edge 20
  [ "$exit_status" = 0 ]
  grep -q 'grace period over' "$BATS_TEST_TMPDIR/edge.err"
}

# bats test_tags=interop
@test "lifecycle: an origin that restarts loses no later request" {
  start_tunnel
  for _ in 1 2 3 4 5; do
    fetch /echo -o /dev/null
  done
  stop origin
  start origin "$peers/origin.py" --port "$origin_port"
  wait_for origin.out '^ready '
  for _ in 1 2 3 4 5; do
    [ "$(fetch /upload -d hello | jq .length)" = 5 ]
    [ "$(fetch '/bytes?n=10' -o /dev/null -w '%{http_code}')" = 200 ]
  done
}

# --- Silence: a PING after 15 s without a byte, and as long for its answer ---

# bats test_tags=slow
@test "lifecycle: a peer that is stopped is given up, and found again" {
  connections=1 start_tunnel
  signal connector STOP
  wait_s=60 wait_for edge.err 'reason="no answer to PING"'
  signal connector CONT
  wait_s=60 wait_for edge.err '(^|[^n])registered ' 2
  [ "$(fetch '/bytes?n=1' | sha256sum)" = "$(sum_of 1)  -" ]
}

# bats test_tags=slow
@test "lifecycle: who was stopped himself hears first what came meanwhile" {
  connections=1 start_tunnel
  signal connector STOP
  sleep 35 # the edge has asked
  signal edge STOP
  signal connector CONT
  sleep 13 # it has been answered, and its patience is over
  signal edge CONT
  [ "$(fetch '/bytes?n=1' | sha256sum)" = "$(sum_of 1)  -" ]
  run ! grep 'no answer to PING' "$(file_of edge.err)" "$(file_of connector.err)"
  [ "$(metric "$edge_metrics" outbore_edge_registrations_total)" = 1 ]
}
