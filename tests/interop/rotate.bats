#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# A secret is rotated while cloudflared serves: two replicas, which know no reload, restarted one by one by systemd with
# cloudflared's own grace period of 30 seconds, under load. Takes minutes, so only by hand:
#
#   CLOUDFLARED=FILE bats tests/interop/rotate.bats

bats_require_minimum_version 1.5.0
load ../lib
load ../systemd

setup_file() {
  [[ -x ${CLOUDFLARED:-} ]] || return 0
  cd "$BATS_FILE_TMPDIR" || return
  start_machine
  [[ -n $machine ]] || return 0
  start_home
  cp "$CLOUDFLARED" machine/local/bin/cloudflared
  # What `cloudflared service install` writes, as a template, and with time enough for the grace period.
  cat >machine/etc/systemd/system/cloudflared@.service <<'UNIT'
[Service]
Type=notify
TimeoutStartSec=15
TimeoutStopSec=40
ExecStart=/usr/local/bin/cloudflared --no-autoupdate --config /etc/outbore/%i.yml tunnel run
Restart=on-failure
RestartSec=5s
UNIT
  inside systemctl daemon-reload
}

teardown_file() {
  stop_all
}

setup() {
  [[ -x ${CLOUDFLARED:-} ]] || skip "CLOUDFLARED names no binary"
  enter_machine
}

teardown() {
  stop_all
  [[ -z ${machine:-} ]] || inside systemctl kill --signal=KILL 'cloudflared@*'
}

replica() {
  credentials_file "$1.json"
  printf '%s\n' "tunnel: $(jq -r .TunnelID "$1.json")" "credentials-file: /etc/outbore/$1.json" \
    "url: http://127.0.0.1:$origin_port" "edge: [\"$edge_tunnel\", \"$edge_tunnel\", \"$edge_tunnel\", \"$edge_tunnel\"]" \
    'cacert: /etc/outbore/ca.pem' 'protocol: http2' 'no-prechecks: true' 'metrics: 127.0.0.1:0' >"$1.yml"
  inside systemctl start "cloudflared@$1"
}

has_connections() {
  sleep 0.3 # the API takes ten requests a second from a token
  [ "$("$tunnel" info --json home | jq '[.tunnel.connectors[].connections[]] | length')" = "$1" ]
}

@test "rotate: two cloudflared, restarted one by one with 30 s of grace, under 1,000 requests a second" {
  replica a
  replica b
  within "$wait_s" has_connections 8
  start_load --rate "${RATE:-1000}" --websockets 50 --slow 10 --grace 30
  run -0 rotate --settle 0s --target file:/etc/outbore/a.json,signal=restart,unit=cloudflared@a \
    --target file:/etc/outbore/b.json,signal=restart,unit=cloudflared@b
  echo "$output" >&3
  stop load
  grep '^{' "$(file_of load.out)" >&3
  jq -e '(.by_kind.plain // 0) == 0 and .requests > 10000' <(grep '^{' "$(file_of load.out)") >/dev/null
}
