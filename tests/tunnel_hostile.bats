#!/usr/bin/env bats
# Edge and connector against other ends that misbehave: only the guilty connection pays, and nothing leaks.

bats_require_minimum_version 1.5.0

peers=$BATS_TEST_DIRNAME/peers
tunnel=${OUTBORE_BIN:-$BATS_TEST_DIRNAME/../bin}/tunnel

# The two tunnels: a stands for the guilty one, b for a bystander.
id_b=f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f
secret_b=$(printf 'ab%.0s' {1..32})

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  started=()
  credentials a 11111111-2222-3333-4444-555555555555 "$(printf '%02x' {0..31})"
  credentials b "$id_b" "$secret_b"
}

teardown() {
  local i
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do
    kill -KILL "${started[i]}" 2>/dev/null || true
    wait "${started[i]}" 2>/dev/null || true
  done
}

# credentials NAME ID SECRET-IN-HEX: write NAME.json.
credentials() {
  local secret
  secret=$(printf '%s' "$3" | xxd -r -p | base64)
  printf '{"AccountTag":"0123456789abcdef0123456789abcdef","TunnelSecret":"%s","TunnelID":"%s"}' "$secret" "$2" >"$1.json"
  chmod 600 "$1.json"
}

# start FILE COMMAND...: run in the background with FILE and FILE.err as its output; `pid` is its process id.
start() {
  local file=$1
  shift
  : >"$file"
  "$@" >"$file" 2>"$file.err" 3>&- &
  pid=$!
  started+=("$pid")
}

# wait_for FILE PATTERN [COUNT]: until that many lines match, 30 seconds at most.
wait_for() {
  local deadline=$((SECONDS + 30))
  until (($(grep -c -- "$2" "$1") >= ${3:-1})); do
    if ((SECONDS > deadline)); then
      echo "no line '$2' in $1:"
      tail -c 2000 "$1"
      return 1
    fi
    sleep 0.05
  done
}

# value FILTER FILE: what jq finds in the JSON lines of the file.
value() {
  grep '^{' "$2" | jq -rc "$1"
}

start_edge() {
  start edge.out "$tunnel" edge --dev dev --credentials a.json --credentials b.json --route '*=a' \
    --route bystander.test=b --tunnel-listen 127.0.0.1:0 --listen-http 127.0.0.1:0 --metrics 127.0.0.1:0 --json "$@"
  edge_pid=$pid
  wait_for edge.out '"ready"'
  edge=$(value '.listen[] | select(.role == "tunnel").address' edge.out)
  public=$(value '.listen[] | select(.role == "public-http").address' edge.out)
  metrics=$(value '.listen[] | select(.role == "metrics").address' edge.out)
}

# connector FILE OPTIONS...: a peer for tunnel a; the second one for tunnel b.
connector() {
  local file=$1
  shift
  start "$file" "$peers/h2connector.py" "$edge" --cacert dev/ca.pem "$@"
}
bystander() {
  connector bystander.out --tunnel "$id_b" --secret "$secret_b" --body 'all well'
  wait_for bystander.out '^ready '
}

# get PATH CURL-OPTIONS...: a request for tunnel a; `status` and `body` are the answer's.
get() {
  local path=$1
  shift
  status=$(curl -s -m 20 -o body -w '%{http_code}' "$@" "http://$public$path") || failed=$?
  body=$(cat body 2>/dev/null || true)
}

expect_bystander_well() {
  run -0 curl -sf -m 10 -H 'Host: bystander.test' "http://$public/"
  [ "$output" = 'all well' ]
}

counter() {
  curl -sf "http://$metrics/metrics" | awk -v name="$1" '$1 == name {print $2}'
}

# stop_program PID FILE STATUS: ended by SIGTERM it exits so, and the sanitizers, if built in, have found nothing.
stop_program() {
  local code=0
  kill -TERM "$1" 2>/dev/null || true
  wait "$1" || code=$?
  if [ "$code" != "$3" ] || grep -q Sanitizer "$2.err"; then
    echo "exit status $code"
    tail -n 40 "$2.err"
    return 1
  fi
}
stop_edge() {
  stop_program "$edge_pid" edge.out 0
}

# --- Our edge ---

@test "edge: a connector that sends garbage, or a message without end, is cut off" {
  start_edge
  bystander
  for mode in garbage-control huge-capnp; do
    connector "$mode.out" --mode "$mode"
    wait_for "$mode.out" '"closed"'
  done
  expect_bystander_well
  [ "$(counter outbore_edge_tunnel_connections)" = 1 ]
  stop_edge
}

@test "edge: a connector that does not register in time is cut off" {
  start_edge
  bystander
  for mode in silent no-control-stream; do
    connector "$mode.out" --mode "$mode"
    wait_for "$mode.out" '^ready '
  done
  expect_bystander_well
  wait_for silent.out '"closed"'
  wait_for no-control-stream.out '"closed"'
  expect_bystander_well
  stop_edge
}

@test "edge: a wrong secret and an unknown tunnel are refused in the same words, and the connection is closed" {
  start_edge
  bystander
  connector secret.out --secret "$secret_b"
  connector tunnel.out --tunnel 00000000-0000-0000-0000-000000000000
  for file in secret.out tunnel.out; do
    wait_for "$file" '"refused"'
    [ "$(value 'select(.event == "refused").error' "$file")" = 'Unauthorized: Invalid tunnel secret' ]
  done
  get /
  [ "$status" = 530 ]
  [ "$(counter outbore_edge_registrations_refused_total)" = 2 ]
  expect_bystander_well
  stop_edge
}

@test "edge: a connector that resets every stream costs those requests only" {
  start_edge
  bystander
  connector peer.out --mode reset-storm
  wait_for peer.out '^ready '
  run -0 xargs -P 20 -I{} curl -s -o /dev/null -m 20 -w '%{http_code}\n' "http://$public/{}" < <(seq 200)
  [ "$(sort <<<"$output" | uniq -c | tr -s ' ')" = ' 200 502' ]
  get /plain
  [ "$status" = 200 ]
  expect_bystander_well
  stop_edge
}

@test "edge: response headers that HTTP does not allow never reach a visitor" {
  start_edge
  connector peer.out --mode bad-headers
  wait_for peer.out '^ready '
  for n in {0..10}; do
    get "/?n=$n" -D head
    [ "$status" = 502 ]
    run -1 grep -i injected head
  done
  # Connection-bound fields are dropped, and the answer is good without them.
  get '/?n=11' -D head
  [ "$status" = 200 ]
  [ "$body" = 'hello from the peer' ]
  run -1 grep -i '^x-a' head
  get /plain
  [ "$status" = 200 ]
  stop_edge
}

@test "edge: response headers of 100 KiB and 1 MiB cost their own stream" {
  start_edge
  for mode in big-header-100k big-header-1m; do
    connector "$mode.out" --mode "$mode"
    peer=$pid
    wait_for "$mode.out" '^ready '
    for _ in 1 2 3; do
      get /
      [ "$status" = 502 ]
      get /plain
      [ "$status" = 200 ]
    done
    kill "$peer"
    wait "$peer" || true
  done
  [ "$(counter outbore_edge_oversized_response_heads_total)" = 6 ]
  # Each peer registered once: no link was cut under it.
  [ "$(counter outbore_edge_registrations_total)" = 2 ]
  stop_edge
}

@test "edge: a large header does not disturb a download beside it" {
  start_edge
  connector peer.out --mode big-header-1m
  wait_for peer.out '^ready '
  cat >plain.sum < <("$peers/origin.py" --sum 30000000)
  start download curl -s -m 60 --limit-rate 20M "http://$public/bytes?n=30000000"
  download=$pid
  for _ in 1 2 3; do
    get /
    [ "$status" = 502 ]
  done
  wait "$download"
  [ "$(sha256sum <download | cut -d' ' -f1)" = "$(cat plain.sum)" ]
  stop_edge
}

@test "edge: an endless header block costs its connection and no other" {
  start_edge
  bystander
  connector peer.out --mode continuation-flood
  wait_for peer.out '^ready '
  get /
  [ "$status" = 502 ]
  wait_for peer.out '"closed"'
  expect_bystander_well
  get /
  [ "$status" = 530 ]
  stop_edge
}

@test "edge: floods of PING and a GOAWAY harm nobody else" {
  start_edge
  bystander
  connector ping.out --mode ping-flood
  connector goaway.out --mode goaway
  wait_for ping.out 'ready\|closed'
  wait_for goaway.out '^ready '
  expect_bystander_well
  stop_edge
}

@test "edge: a connector that gives no window back stalls its uploads only" {
  start_edge
  connector peer.out --mode window-stall
  wait_for peer.out '^ready '
  head -c 3000000 /dev/zero >upload
  failed=0
  get / -m 2 --data-binary @upload
  [ "$failed" = 28 ]
  get /plain
  [ "$status" = 200 ]
  stop_edge
}

@test "edge: a connection that breaks under a request without body is made good by another one" {
  start_edge
  connector drop.out --mode drop
  wait_for drop.out '^ready '
  connector good.out --client 99999999-9999-9999-9999-999999999999
  wait_for good.out '^ready '
  # The two take turns, so that one of two requests meets the bad one.
  for _ in 1 2; do
    get /
    [ "$status" = 200 ]
  done
  [ "$(counter outbore_edge_retries_total)" = 1 ]
  wait_for drop.out '"closed"'
  stop_edge
}

@test "edge: a request with a body, or one that is not idempotent, is not sent twice" {
  for options in '--data-binary hello' '-X POST' '-X PATCH'; do
    start_edge
    connector drop.out --mode drop
    wait_for drop.out '^ready '
    # shellcheck disable=SC2086
    get / $options
    [ "$status" = 502 ]
    [ "$(counter outbore_edge_retries_total)" = 0 ]
    stop_edge
  done
}

@test "edge: an answer that breaks off, or is longer or shorter than it says, is seen to be incomplete" {
  for mode in break-off long-body short-body; do
    start_edge
    connector peer.out --mode "$mode"
    wait_for peer.out '^ready '
    failed=0
    get / -D head
    # 18: less than announced; 52, 56: nothing at all, or reset.
    [[ "$failed" == 18 || "$failed" == 52 || "$failed" == 56 ]]
    (($(wc -c <body) <= 10))
    stop_edge
  done
}

@test "edge: an upgrade accepted with another key's answer is refused" {
  start_edge
  connector peer.out --mode bad-accept
  wait_for peer.out '^ready '
  get / -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  [ "$status" = 502 ]
  stop_edge
}

@test "edge: an answer that does not say who made it is no answer" {
  start_edge
  for meta in '' '{"src":"elsewhere"}' 'no json' '{"src":"cloudflared"}'; do
    connector peer.out --meta "$meta"
    peer=$pid
    wait_for peer.out '^ready '
    get /
    [ "$status" = 502 ]
    kill "$peer"
    wait "$peer" || true
  done
  stop_edge
}

@test "edge: five thousand cancelled requests do not cut a link" {
  start_edge
  start run.out "$tunnel" run --edge "$edge" --cacert dev/ca.pem --credentials-file a.json --hello-world \
    --ha-connections 1 --metrics 127.0.0.1:0 --json
  run_pid=$pid
  wait_for run.out '"registered"'
  "$peers/cancel.py" "$public" 5000
  get /
  [ "$status" = 200 ]
  [ "$(counter outbore_edge_registrations_total)" = 1 ]
  [ "$(counter outbore_edge_tunnel_connections_lost_total)" = 0 ]
  stop_program "$run_pid" run.out 0
  stop_edge
}

# --- Our connector ---

# connect MODE-OR-OPTIONS...: the peer as edge, and our connector that dials it.
connect() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
    -subj /CN=test -addext 'subjectAltName=DNS:h2.cftunnel.com' 2>openssl.log
  cat >script <<'END'
{"id": "after", "path": "/"}
END
  start edge.out "$peers/h2edge.py" --tls cert.pem key.pem --script script --stay "$@"
  wait_for edge.out '^ready '
  start run.out "$tunnel" run --edge "127.0.0.1:$(awk '/^ready /{print $2}' edge.out)" --cacert cert.pem \
    --credentials-file a.json --hello-world --ha-connections 1 --metrics 127.0.0.1:0 --json
  run_pid=$pid
}

@test "connector: attacks that end no connection leave it serving" {
  for mode in reset-storm bad-headers big-header-100k big-header-1m goaway; do
    connect --mode "$mode"
    wait_for edge.out '"id": "after"'
    [ "$(value 'select(.id == "after").status' edge.out)" = 200 ]
    echo "$mode: $(value 'select(.event == "registered" or .event == "closed")' edge.out)"
    [ "$(value 'select(.event == "registered").link' edge.out)" = 0 ]
    stop_program "$run_pid" run.out 0
    teardown
    started=()
  done
}

@test "connector: attacks that cost the connection are followed by a new one" {
  for mode in close-after-register continuation-flood; do
    connect --mode "$mode"
    wait_for edge.out '"id": "after"'
    [ "$(value 'select(.id == "after").status' edge.out)" = 200 ]
    [ "$(value 'select(.event == "registered").link' edge.out | wc -l)" = 2 ]
    wait_for run.out '"lost"'
    stop_program "$run_pid" run.out 0
    teardown
    started=()
  done
}

@test "connector: a flood of PING ends in answers or in a new connection" {
  connect --mode ping-flood
  wait_for edge.out '"id": "after"'
  [ "$(value 'select(.id == "after").status' edge.out)" = 200 ]
  stop_program "$run_pid" run.out 0
}

@test "connector: requests that break HTTP are reset, one by one" {
  connect --mode bad-headers
  wait_for edge.out '"attacked"'
  [ "$(value 'select(.id // "" | startswith("bad-")) | select(.status == 200)' edge.out)" = '' ]
  stop_program "$run_pid" run.out 0
}

@test "connector: an edge that talks garbage on the control stream is left, and tried again" {
  for mode in garbage-control huge-capnp; do
    connect --mode "$mode"
    wait_for edge.out '"event": "closed"' 2
    [ "$(value 'select(.event == "registered")' edge.out)" = '' ] || [ "$mode" = garbage-control ]
    stop_program "$run_pid" run.out 0
    teardown
    started=()
  done
}

@test "connector: an edge that is silent, opens no control stream or never answers is left in time" {
  # All at once, since each takes as long as its deadline.
  declare -A pids
  for mode in silent no-control-stream; do
    mkdir "$mode"
    cp a.json "$mode"
    (cd "$mode" && connect --mode "$mode" && echo "$run_pid" >run.pid && printf '%s\n' "${started[@]}" >started)
    mapfile -t -O "${#started[@]}" started <"$mode/started"
  done
  connect --register never
  wait_for edge.out '"event": "closed"'
  wait_for silent/run.out.err 'retrying'
  wait_for no-control-stream/run.out.err 'retrying'
  stop_program "$run_pid" run.out 0
}

@test "connector: refusals are retried or final, as the edge says" {
  for answer in unauthorized dup retry; do
    connect --register "$answer"
    wait_for edge.out '"refused"' 2
    stop_program "$run_pid" run.out 0
    teardown
    started=()
  done
  for answer in permanent exception; do
    connect --register "$answer"
    code=0
    wait "$run_pid" || code=$?
    [ "$code" = 3 ]
    grep -q 'refused the registration' run.out.err
    run -1 grep Sanitizer run.out.err
    teardown
    started=()
  done
}

@test "connector: an edge that gives no window back stops its own downloads only, and cannot stop the exit" {
  cat >script.stall <<'END'
END
  connect --mode window-stall
  wait_for edge.out '"id": "after"'
  stop_program "$run_pid" run.out 0
}
