#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# A connector whose credentials change: make before break. The edge is tests/peers/h2edge.py, which can take several
# secrets at once.

load lib

setup() {
  cd "$(scope)" || return
  start_origin
  cacert=$(scope)/cert.pem
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
    -subj /CN=test -addext 'subjectAltName=DNS:h2.cftunnel.com' 2>openssl.log
  for name in web second third; do
    credentials "$name"
  done
  cp web.json first.json
  edge_port=$(free_port)
}

teardown() {
  stop_all
}

secret() {
  jq -r .TunnelSecret "$1.json"
}

# take NAME...: the edge takes these secrets.
take() {
  local name
  for name in "$@"; do
    secret "$name"
  done >secrets.new
  mv secrets.new secrets
}

# peer_edge [OPTION...]: start it.
peer_edge() {
  start edge "$peers/h2edge.py" --tls cert.pem key.pem --secrets secrets --port "$edge_port" --stay "$@"
  wait_for edge.out '^ready '
  edge_tunnel=127.0.0.1:$edge_port
}

# connect [OPTION...]: the connector with two connections and the first secret.
connect() {
  start_connector connector --url "http://127.0.0.1:$origin_port" "$@"
}

# install NAME: as an operator does it.
install_cred() {
  cp "$1.json" web.json.new
  mv web.json.new web.json
}

# reload NAME: and say so.
reload() {
  install_cred "$1"
  signal connector HUP
}

result_is() {
  metric_is "$connector_metrics" "tunnel_credential_reload_total{result=\"$1\"}" "$2"
}

wait_result() {
  within "$wait_s" result_is "$1" "${2:-1}" || fail_with "no $1" "$(tail -n 20 connector.err)"
}

connector_id() {
  curl -s "http://$connector_metrics/ready" | jq -r .connectorId
}

# registered NAME: how many registrations with this secret there were; `refused` likewise.
registered() {
  value "select(.event == \"${2:-registered}\" and .secret == \"$(secret "$1" | base64 -d | xxd -p -c 100)\").client" edge | wc -l
}

slow_script() {
  echo '{"id": "slow", "path": "/step?n=3&id=slow"}' >script
}

slow_is_running() {
  wait_for origin.out . # it says so once it has begun
}

@test "reload: SIGHUP registers a second set before the first one leaves, whose requests end" {
  take first second
  slow_script
  peer_edge --script script --links 2
  connect
  within "$wait_s" metric_is "$connector_metrics" cloudflared_tunnel_active_streams 1
  old=$(connector_id)
  reload second
  wait_for edge.out '"unregistered"' 2
  wait_result ok
  # Both of the new set had registered when the first of the old one left.
  [ "$(value .event edge | grep -E -m 5 'registered' | xargs)" = 'registered registered registered registered unregistered' ]
  [ "$(registered second)" = 2 ]
  [ "$(value 'select(.event == "registered").client' edge | uniq | wc -l)" = 2 ]
  [ "$(connector_id)" != "$old" ]
  [ "$(connector_id | tr -d -)" = "$(value 'select(.event == "registered").client' edge | tail -n 1)" ]
  # The old set still has the request.
  metric_is "$connector_metrics" cloudflared_tunnel_active_streams 1
  [ "$(value 'select(.event == "closed").link' edge | wc -l)" = 1 ]
  let_end slow 3
  wait_for edge.out '"closed"' 2
  [ "$(value 'select(.id == "slow") | [.status, .reset]' edge)" = '[200,null]' ]
  [ "$(value 'select(.event == "unregistered").connector' connector | sort -u)" = "$old" ]
  stop connector
  [ "$exit_status" = 0 ]
  run grep -rl -e "$(secret first)" -e "$(secret second)" connector.err connector.out
  [ "$status" = 1 ]
}

@test "reload: the grace period bounds how long the old set stays" {
  take first second
  slow_script
  peer_edge --script script --links 2
  connect --grace-period 1s
  within "$wait_s" metric_is "$connector_metrics" cloudflared_tunnel_active_streams 1
  reload second
  wait_for edge.out '"closed"' 2
  wait_for edge.out '"id": "slow"'
  [ "$(value 'select(.id == "slow").reset' edge)" = lost ]
  [ "$(curl -s "http://$connector_metrics/ready" | jq .readyConnections)" = 2 ]
}

@test "reload: a file that is renamed over is noticed" {
  take first second
  peer_edge
  connect
  install_cred second
  wait_result ok
  [ "$(registered second)" = 2 ]
}

@test "reload: a volume of Kubernetes is noticed when its link is swapped" {
  take first second third
  peer_edge
  volume() {
    mkdir "vol/..$1"
    cp "$2.json" "vol/..$1/web.json"
    ln -s "..$1" vol/..data_tmp
    mv -T vol/..data_tmp vol/..data
  }
  mkdir vol
  volume 2026_01_02_03_04_05.1 first
  ln -s ..data/web.json vol/web.json
  web=vol/web.json connect
  volume 2026_01_02_03_05_05.2 second
  rm -r vol/..2026_01_02_03_04_05.1
  wait_result ok
  volume 2026_01_02_03_06_05.3 third
  wait_result ok 2
  [ "$(registered third)" = 2 ]
}

@test "reload: a token file, and a token that is no file" {
  take first second
  token_of() {
    jq -c '{a: .AccountTag, t: .TunnelID, s: .TunnelSecret}' "$1.json" | base64 -w 0
  }
  peer_edge
  (umask 077 && token_of first >token)
  start connector "$tunnel" run --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 \
    --url "http://127.0.0.1:$origin_port" --token-file token
  wait_registered connector 1
  token_of second >token
  signal connector HUP
  wait_result ok
  stop connector
  TUNNEL_TOKEN=$(token_of second) start connector "$tunnel" run --edge "$edge_tunnel" --cacert "$cacert" \
    --metrics 127.0.0.1:0 --url "http://127.0.0.1:$origin_port"
  wait_registered connector 1
  signal connector HUP
  wait_for connector.err 'no file to read credentials from again'
  stop connector
  [ "$exit_status" = 0 ]
  # A pipe can be read once.
  start connector "$tunnel" run --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 \
    --url "http://127.0.0.1:$origin_port" --token-file <(token_of second)
  wait_registered connector 1
  signal connector HUP
  wait_for connector.err 'no file to read credentials from again'
}

@test "reload: a refused secret leaves the old set as it is, and is tried again when told" {
  take first
  peer_edge
  connect
  old=$(connector_id)
  reload second
  wait_result refused
  grep -q ' error: new credentials refused, the old ones are kept.*Unauthorized' connector.err
  [ "$(registered second refused)" = 3 ]
  [ "$(connector_id)" = "$old" ]
  [ "$(curl -s -o ready -w '%{http_code}' "http://$connector_metrics/ready")" = 200 ]
  [ "$(jq .readyConnections ready)" = 2 ]
  # No connection of the old set was touched, and nothing is tried any more.
  wait_for edge.out '"closed"' 3
  [ "$(value 'select(.event == "closed").link' edge | sort -n | xargs)" = '2 3 4' ]
  take first second
  signal connector HUP
  wait_result ok
  [ "$(registered second refused)" = 3 ]
  [ "$(registered second)" = 2 ]
}

@test "reload: the file is looked at again once the old secret is refused" {
  take first
  peer_edge
  connect
  reload second
  wait_result refused
  stop edge
  take second
  peer_edge
  wait_result ok
  wait_registered connector 4
  [ "$(registered second)" = 2 ]
}

@test "reload: a connector with a wrong secret gets the right one without a restart" {
  take second
  peer_edge
  launch_connector connector --url "http://127.0.0.1:$origin_port"
  wait_for connector.err 'registration refused' 2
  install_cred second
  wait_registered connector 2
  [ "$(value 'select(.event == "registered").connector' connector | sort -u | wc -l)" = 1 ]
}

@test "reload: what makes no sense, is missing, is the same or of another tunnel changes nothing" {
  take first second
  peer_edge
  connect
  echo '{' >bad.json
  reload bad
  wait_result unreadable
  rm web.json
  signal connector HUP
  wait_result unreadable 2
  grep -q ' error: credentials not read, the old ones are kept.*web.json' connector.err
  reload first
  wait_result unchanged
  jq '.TunnelID = "99999999-2222-3333-4444-555555555555"' second.json >other.json
  reload other
  wait_result other_tunnel
  [ "$(value 'select(.event == "registered").link' edge | wc -l)" = 2 ]
  reload second
  wait_result ok
}

@test "reload: newer credentials take the place of some that are under way" {
  take first third
  echo "never $(secret second)" >>secrets
  peer_edge
  connect
  reload second
  wait_for edge.out '"refused"'
  reload third
  wait_result superseded
  wait_result ok
  [ "$(registered third)" = 2 ]
  within "$wait_s" metric_is "$connector_metrics" cloudflared_tunnel_ha_connections 2
  # Back to the first, while others are under way.
  reload second
  wait_for edge.out '"refused"' 2
  reload third
  wait_result superseded 2
  [ "$(registered third)" = 2 ]
  stop connector
  [ "$exit_status" = 0 ]
}

@test "reload: SIGTERM in the middle ends it, and a draining connector reloads nothing" {
  take first
  echo "never $(secret second)" >>secrets
  slow_script
  peer_edge --script script --links 2
  connect
  within "$wait_s" metric_is "$connector_metrics" cloudflared_tunnel_active_streams 1
  reload second
  wait_for edge.out '"refused"'
  signal connector TERM
  wait_for edge.out '"unregistered"' 2
  [ "$(curl -s -o ready -w '%{http_code}' "http://$connector_metrics/ready")" = 503 ]
  take first second third
  reload third
  is_running connector
  let_end slow 3
  ended connector
  [ "$exit_status" = 0 ]
  [ "$(registered third)" = 0 ]
  [ "$(value 'select(.id == "slow") | [.status, .reset]' edge)" = '[200,null]' ]
}

# Poll /ready until the file `over` is there; each answer as a line.
watch_ready() {
  until [ -e over ]; do
    curl -s "http://$connector_metrics/ready"
    echo
  done >ready.log
}

@test "reload: twenty times under load: no request fails, and /ready never says 503" {
  take first second
  peer_edge --load 20 --links 2
  connect
  wait_for edge.out '"loading"'
  watch_ready 3>&- &
  for i in 1 2 3 4 5 6 7 8 9 10; do
    reload second
    wait_result ok $((2 * i - 1))
    reload first
    wait_result ok $((2 * i))
  done
  touch over
  wait $!
  [ "$(jq -s 'map(select(.status != 200 or .readyConnections < 1)) | length' ready.log)" = 0 ]
  [ "$(jq -r .connectorId ready.log | sort -u | wc -l)" -ge 10 ]
  stop edge
  statuses=$(value 'select(.event == "load").statuses' edge)
  [ "$(jq -c keys <<<"$statuses")" = '["200"]' ] || fail_with "$statuses"
  [ "$(jq '.["200"]' <<<"$statuses")" -gt 1000 ]
}

# --- Our own edge ---

# rotate: a fresh secret, the old one valid beside it until the connector has changed.
rotate() {
  local secret
  secret=$(head -c 32 /dev/urandom | base64 -w 0)
  version=$(api PATCH "/$web_id" "$(jq -nc --arg s "$secret" --arg until "$(date -u -d '+10 min' +%Y-%m-%dT%H:%M:%SZ)" \
    '{tunnel_secret: $s, previous_tunnel_secret_expires_at: $until}')" | jq .tunnel_secret_version)
  jq --arg s "$secret" '.TunnelSecret = $s' web.json >next.json
  reload next
  within "$wait_s" all_are_new
  api PATCH "/$web_id" '{"previous_tunnel_secret_expires_at": "2020-01-01T00:00:00Z"}' >retired
  [ "$(jq .previous_tunnel_secret_expires_at retired)" = null ]
}

# Both connections of one connector, registered with the newest secret.
all_are_new() {
  [ "$(api GET "/$web_id/connections" | jq -c '[.[].conns[].tunnel_secret_version]')" = "[$version,$version]" ]
}

# Visitors without a pause; the status of each as a line.
visit() {
  until [ -e over ]; do
    curl -s -Z --parallel-max 20 -o /dev/null -w '%{http_code} %{size_download}\n' \
      "http://$edge_http/bytes?n=1000&[1-200]" 2>>curl.err
  done >visits
}

@test "reload: twenty rotations at our edge under load lose no request, and the old secret is dead after each" {
  api_edge web
  connect --grace-period 2m
  cp web.json old.json
  start visitor "$peers/visitor.py" steps "$edge_http" '/step?n=3&id=slow'
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_requests_active 1
  start sockets "$peers/wsvisitor.py" keep "ws://$edge_http/ws" --count 50
  wait_for sockets.out '"open"'
  visit 3>&- &
  for _ in {1..20}; do
    rotate
  done
  touch over
  wait $!
  [ "$version" = 21 ]
  [ "$(sort visits | uniq -c | awk '{ print $2, $3 }')" = '200 1000' ] || fail_with "$(sort visits | uniq -c)" "$(tail curl.err)"
  (($(wc -l <visits) >= 1000))
  # The first set has left nineteen sets ago, and still has its requests.
  stop sockets
  [ "$(value 'select(.messages) | [.open, .messages > 1000]' sockets)" = '[50,true]' ] || fail_with "$(cat sockets.out)"
  let_end slow 3
  ended visitor
  [ "$(value '.events | length' visitor)" = 3 ]
  [ "$(metric "$edge_metrics" outbore_edge_tunnel_connections_lost_total)" = 0 ]
  web=old.json launch_connector thief --url "http://127.0.0.1:$origin_port"
  wait_for thief.err 'registration refused.*Unauthorized'
  metric_is "$connector_metrics" 'tunnel_credential_reload_total{result="ok"}' 20
}

@test "reload: the service manager is told" {
  take first second
  peer_edge
  cat >manager.py <<'PY'
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("notify")
print("ready", flush=True)
while True:
    print(*s.recv(1000).decode().split(), flush=True)
PY
  start manager python3 manager.py
  wait_for manager.out '^ready'
  NOTIFY_SOCKET=$(scope)/notify connect
  wait_for manager.out '^READY=1$'
  reload second
  wait_for manager.out '^READY=1$' 2
  signal connector TERM
  wait_for manager.out '^STOPPING=1$'
  [ "$(sed 's/USEC=[0-9]*/USEC/' manager.out | xargs)" = \
    'ready READY=1 RELOADING=1 MONOTONIC_USEC READY=1 STOPPING=1' ]
  ended connector
  NOTIFY_SOCKET=$(scope)/nobody connect
  wait_for connector.err ' warn: the service manager was not told.*nobody'
}
