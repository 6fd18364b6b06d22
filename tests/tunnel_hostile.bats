#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2030,SC2031 # what lib.bash and the tests set
# Edge and connector against other ends that misbehave: only the guilty connection pays, and nothing leaks.

load lib

# Two tunnels: one of the guilty, one of a bystander.
bystander_id=f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f

setup() {
  credentials guilty
  credentials bystander "$bystander_id"
}

teardown() {
  stop_all
}

start_both() {
  start_edge --credentials guilty.json --credentials bystander.json --route '*=guilty' \
    --route bystander.test=bystander
}

# secret_of NAME: of a credentials file, in hexadecimal.
secret_of() {
  jq -r .TunnelSecret "$(file_of "$1.json")" | base64 -d | od -An -v -tx1 | tr -d ' \n'
}

# peer NAME OPTION...: a connector of tests/peers for the guilty tunnel.
peer() {
  local name=$1
  shift
  start "$name" "$peers/h2connector.py" "$edge_tunnel" --cacert "$cacert" --secret "$(secret_of guilty)" "$@"
}

# ready_peer NAME OPTION...: the same, waiting until it has done what comes before requests.
ready_peer() {
  peer "$@"
  wait_for "$1.out" '^ready '
}

start_bystander() {
  start bystander "$peers/h2connector.py" "$edge_tunnel" --cacert "$cacert" --tunnel "$bystander_id" \
    --secret "$(secret_of bystander)" --body 'all well'
  wait_for bystander.out '^ready '
}

expect_bystander_well() {
  run -0 fetch / -f -H 'Host: bystander.test'
  [ "$output" = 'all well' ]
}

# get PATH CURL-OPTION...: a request for the guilty tunnel; status, and the body in the file body.
get() {
  failed=0
  : >"$BATS_TEST_TMPDIR/body"
  status=$(fetch "$1" -o "$BATS_TEST_TMPDIR/body" -w '%{http_code}' "${@:2}") || failed=$?
}

# The edge has served on to the end.
stop_edge() {
  stop edge
  [ "$exit_status" = 0 ]
}

# --- Our edge ---

@test "edge: a connector that sends garbage, or a message without end, is cut off" {
  start_both
  start_bystander
  for mode in garbage-control huge-capnp; do
    peer "$mode" --mode "$mode"
    wait_for "$mode.out" '"closed"'
  done
  expect_bystander_well
  metric_is "$edge_metrics" outbore_edge_tunnel_connections 1
  stop_edge
}

@test "edge: a connector that does not register in time is cut off" {
  start_both
  start_bystander
  ready_peer silent --mode silent
  ready_peer speechless --mode no-control-stream
  expect_bystander_well
  wait_for silent.out '"closed"'
  wait_for speechless.out '"closed"'
  expect_bystander_well
  stop_edge
}

@test "edge: a wrong secret and an unknown tunnel are refused, and the connection is closed" {
  start_both
  start_bystander
  peer secret --secret "$(secret_of bystander)"
  peer tunnel --tunnel 00000000-0000-0000-0000-000000000000
  for name in secret tunnel; do
    ended "$name"
    [ "$exit_status" = 1 ]
  done
  [ "$(value 'select(.event == "refused").error' secret)" = 'Unauthorized: Invalid tunnel secret' ]
  [ "$(value 'select(.event == "refused").error' tunnel)" = 'Unauthorized: Tunnel not found' ]
  get /
  [ "$status" = 530 ]
  metric_is "$edge_metrics" outbore_edge_registrations_refused_total 2
  expect_bystander_well
  stop_edge
}

@test "edge: a connector that resets every stream costs those requests only" {
  start_both
  start_bystander
  ready_peer peer --mode reset-storm
  run -0 xargs -P 20 -I{} curl -s -o /dev/null -m 20 -w '%{http_code}\n' "http://$edge_http/{}" < <(seq 200)
  [ "$(sort <<<"$output" | uniq -c | tr -s ' ')" = ' 200 502' ]
  get /plain
  [ "$status" = 200 ]
  expect_bystander_well
  stop_edge
}

@test "edge: response headers that HTTP does not allow never reach a visitor" {
  start_both
  ready_peer peer --mode bad-headers
  for n in {0..10}; do
    get "/?n=$n" -D "$BATS_TEST_TMPDIR/head"
    [ "$status" = 502 ]
    run -1 grep -i injected "$BATS_TEST_TMPDIR/head"
  done
  # Connection-bound fields are dropped, and the answer is good without them.
  get '/?n=11' -D "$BATS_TEST_TMPDIR/head"
  [ "$status" = 200 ]
  [ "$(cat "$BATS_TEST_TMPDIR/body")" = 'hello from the peer' ]
  run -1 grep -i '^x-a' "$BATS_TEST_TMPDIR/head"
  get /plain
  [ "$status" = 200 ]
  stop_edge
}

@test "edge: response headers of 100 KiB and 1 MiB cost their own stream" {
  start_both
  for mode in big-header-100k big-header-1m; do
    ready_peer "$mode" --mode "$mode"
    for _ in 1 2 3; do
      get /
      [ "$status" = 502 ]
      get /plain
      [ "$status" = 200 ]
    done
    stop "$mode"
  done
  metric_is "$edge_metrics" outbore_edge_oversized_response_heads_total 6
  # Each peer registered once: no link was cut under it.
  metric_is "$edge_metrics" outbore_edge_registrations_total 2
  stop_edge
}

@test "edge: large response headers do not disturb a download beside them" {
  start_both
  # An origin with both, behind our own connector.
  start_origin
  connections=1 web=guilty.json start_connector connector --url "http://127.0.0.1:$origin_port"
  start download curl -s -m 60 --limit-rate 10M -o bytes "http://$edge_http/bytes?n=20000000"
  for _ in 1 2 3; do
    get '/bighdr?n=100000'
    [ "$status" = 502 ]
    get '/bighdr?n=1000000'
    [ "$status" = 502 ]
  done
  ended download
  [ "$(sha256sum <"$(scope)/bytes")" = "$(sum_of 20000000)  -" ]
  metric_is "$edge_metrics" outbore_edge_registrations_total 1
  metric_is "$edge_metrics" outbore_edge_tunnel_connections_lost_total 0
  stop_edge
}

@test "edge: an endless header block costs its connection and no other" {
  start_both
  start_bystander
  ready_peer peer --mode continuation-flood
  get /
  [ "$status" = 502 ]
  wait_for peer.out '"closed"'
  expect_bystander_well
  get /
  [ "$status" = 530 ]
  stop_edge
}

@test "edge: a flood of PING and a GOAWAY harm nobody else" {
  start_both
  start_bystander
  peer ping --mode ping-flood
  ready_peer goaway --mode goaway
  wait_for ping.out '"attacked"|"closed"'
  expect_bystander_well
  stop_edge
}

@test "edge: a connector that gives no window back stalls its uploads only" {
  start_both
  start_bystander
  ready_peer peer --mode window-stall
  head -c 3000000 /dev/zero >"$BATS_TEST_TMPDIR/upload"
  get / -m 2 --data-binary "@$BATS_TEST_TMPDIR/upload"
  [ "$failed" = 28 ]
  get /plain
  [ "$status" = 200 ]
  expect_bystander_well
  stop_edge
}

@test "edge: a connection that breaks under a request without body is made good by another one" {
  start_both
  ready_peer drop --mode drop
  ready_peer good --client 99999999-9999-9999-9999-999999999999
  # The two take turns, so that one of two requests meets the bad one.
  for _ in 1 2; do
    get /
    [ "$status" = 200 ]
  done
  metric_is "$edge_metrics" outbore_edge_retries_total 1
  wait_for drop.out '"closed"'
  stop_edge
}

@test "edge: a request with a body, or one that is not idempotent, is not sent twice" {
  start_both
  for options in '--data-binary hello' '-X POST' '-X PATCH'; do
    ready_peer drop --mode drop
    # shellcheck disable=SC2086 # a list of options
    get / $options
    [ "$status" = 502 ]
    ended drop
  done
  metric_is "$edge_metrics" outbore_edge_retries_total 0
  stop_edge
}

@test "edge: an answer that breaks off, or is longer or shorter than it says, is seen to be incomplete" {
  start_both
  for mode in break-off long-body short-body; do
    ready_peer "$mode" --mode "$mode"
    get /
    # 18: less than announced; 52, 56: nothing at all, or reset.
    [[ "$failed" = 18 || "$failed" = 52 || "$failed" = 56 ]]
    (($(wc -c <"$BATS_TEST_TMPDIR/body") <= 10))
    # It may have ended by itself just now.
    signal "$mode" TERM || true
    ended "$mode"
  done
  stop_edge
}

@test "edge: an upgrade accepted with another key's answer is refused" {
  start_both
  ready_peer peer --mode bad-accept
  get / -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  [ "$status" = 502 ]
  stop_edge
}

@test "edge: an answer that does not say who made it is no answer" {
  start_both
  for meta in '' '{"src":"elsewhere"}' 'no json' '{"src":"cloudflared"}'; do
    ready_peer peer --meta "$meta"
    get /
    [ "$status" = 502 ]
    stop peer
  done
  stop_edge
}

@test "edge: what a visitor says about himself does not reach a connector as ours" {
  start_both
  ready_peer peer
  get / -H 'CF-Connecting-IP: 1.1.1.1' -H 'Cf_Connecting_Ip: 1.1.1.1' -H 'CF-Ray: forged' -H 'X-Forwarded-Proto: gopher' \
    -H 'X_Forwarded_For: 1.1.1.1' -H 'X-Forwarded-For: 2.2.2.2' -H 'Cf-Cloudflared-Proxy-Src: 1.1.1.1' \
    -H 'Cf-Cloudflared-Proxy-Connection-Upgrade: update-configuration' -H 'Cf-Warp-Tag-Id: x' \
    -H 'Cf-Access-Jump-Destination: 10.0.0.1:22' -H 'Host: ADMIN.Example.COM'
  [ "$status" = 200 ]
  wait_for peer.out '"request"'
  fields=$(value 'select(.event == "request").fields | map(.[0] + "=" + .[1]) | .[]' peer)
  [ "$(grep -c 'forged\|gopher\|1\.1\.1\.1\|update-configuration\|warp\|jump\|10\.0\.0\.1' <<<"$fields")" = 0 ]
  grep -Fqx ':authority=admin.example.com' <<<"$fields"
  grep -Fqx 'cf-connecting-ip=127.0.0.1' <<<"$fields"
  grep -Fqx 'x-forwarded-for=2.2.2.2, 127.0.0.1' <<<"$fields"
  grep -Fqx 'x-forwarded-proto=http' <<<"$fields"
  grep -Fqx 'cf-visitor={"scheme":"http"}' <<<"$fields"
  [ "$(grep -c '^cf-ray=' <<<"$fields")" = 1 ]
  stop_edge
}

@test "edge: more header fields than a head for the tunnel holds are refused" {
  start_both
  ready_peer peer
  for row in '490 200' '510 431'; do
    read -r count expected <<<"$row"
    seq "$count" | sed 's/.*/X-N: &/' >"$BATS_TEST_TMPDIR/fields"
    get / -H "@$BATS_TEST_TMPDIR/fields"
    [ "$status" = "$expected" ]
  done
  stop_edge
}

@test "edge: five thousand cancelled requests do not cut a link" {
  start_both
  connections=1 web=guilty.json start_connector connector --hello-world
  "$peers/cancel.py" "$edge_http" 5000
  get /
  [ "$status" = 200 ]
  metric_is "$edge_metrics" outbore_edge_registrations_total 1
  metric_is "$edge_metrics" outbore_edge_tunnel_connections_lost_total 0
  stop connector
  [ "$exit_status" = 0 ]
  stop_edge
}

# --- Our connector ---

# connect OPTION...: the peer as edge, and our connector that dials it.
connect() {
  cd "$(scope)" || return
  cacert=$(scope)/cert.pem
  # Once: another connector may be reading it.
  [[ -e $cacert ]] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
    -subj /CN=test -addext 'subjectAltName=DNS:h2.cftunnel.com' 2>openssl.log
  echo '{"id": "after", "path": "/"}' >script
  start "${name:-edge}" "$peers/h2edge.py" --tls cert.pem key.pem --script script --stay "$@"
  wait_for "${name:-edge}.out" '^ready '
  edge_tunnel=127.0.0.1:$(awk '/^ready /{print $2}' "$(file_of "${name:-edge}.out")")
  connections=1 web=guilty.json launch_connector "connector${name:-}" --hello-world
}

# The connector leaves in order, whatever was done to it.
stop_connector() {
  stop connector
  [ "$exit_status" = 0 ]
}

@test "connector: attacks that end no connection leave it serving" {
  for mode in reset-storm bad-headers big-header-100k big-header-1m goaway; do
    connect --mode "$mode"
    wait_for edge.out '"id": "after"'
    [ "$(value 'select(.id == "after").status' edge)" = 200 ]
    [ "$(value 'select(.event == "registered").link' edge)" = 0 ]
    stop_connector
    stop edge
  done
}

@test "connector: attacks that cost the connection are followed by a new one" {
  for mode in close-after-register continuation-flood; do
    connect --mode "$mode"
    wait_for edge.out '"id": "after"'
    [ "$(value 'select(.id == "after").status' edge)" = 200 ]
    [ "$(value 'select(.event == "registered").link' edge | wc -l)" = 2 ]
    wait_for connector.out '"lost"'
    stop_connector
    stop edge
  done
}

@test "connector: a flood of PING ends in answers or in a new connection" {
  connect --mode ping-flood
  wait_for edge.out '"id": "after"'
  [ "$(value 'select(.id == "after").status' edge)" = 200 ]
  stop_connector
}

@test "connector: an edge that gives no window back does not keep it from leaving" {
  connect --mode window-stall
  wait_for edge.out '"id": "after"'
  stop_connector
}

@test "connector: requests that break HTTP are refused one by one" {
  connect --mode bad-headers
  wait_for edge.out '"attacked"'
  [ "$(value 'select(.id // "" | startswith("bad-")).id' edge | wc -l)" = 9 ]
  [ "$(value 'select(.id // "" | startswith("bad-")) | select(.status == 200 and (.id | IN("bad-5", "bad-6", "bad-7", "bad-8")))' edge)" = '' ]
  stop_connector
}

@test "connector: an edge that talks garbage on the control stream is left, and tried again" {
  for mode in garbage-control huge-capnp; do
    connect --mode "$mode"
    wait_for edge.out '"event": "closed"' 2
    stop_connector
    stop edge
  done
}

@test "connector: an edge that is silent, opens no control stream or never answers is left in time" {
  # All at once, since each takes as long as its deadline.
  name=1 connect --mode silent
  name=2 connect --mode no-control-stream
  name=3 connect --register never
  for n in 1 2 3; do
    wait_for "connector$n.err" 'msg=retrying|retrying'
    stop "connector$n"
    [ "$exit_status" = 0 ]
  done
}

@test "connector: refusals are retried or final, as the edge says" {
  for answer in unauthorized dup retry; do
    connect --register "$answer"
    wait_for edge.out '"refused"' 2
    stop_connector
    stop edge
  done
  for answer in permanent exception; do
    connect --register "$answer"
    ended connector
    [ "$exit_status" = 3 ]
    grep -q 'refused the registration' "$(scope)/connector.err"
    stop edge
  done
}
