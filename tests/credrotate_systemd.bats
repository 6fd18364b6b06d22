#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# credrotate and connectors as services of a real systemd (tests/peers/systemd_here), installed as `make install` does it.
# The edge, the service behind the tunnel and the visitors stand outside.
# bats-run: early

bats_require_minimum_version 1.5.0
load lib
load systemd

setup_file() {
  cd "$BATS_FILE_TMPDIR" || return
  start_machine
  [[ -z $machine ]] || start_home
}

teardown_file() {
  stop_all
}

setup() {
  enter_machine
}

teardown() {
  [[ -n ${machine:-} ]] || return 0
  stop_all
  inside systemctl stop 'tunnel@*' 'credrotate@*'
  inside systemctl reset-failed
  tail -n 20 "$machine"/*.log # shown when the test failed
  rm -rf "$machine"/*.log "$machine"/etc/systemd/system/*@*.d "$machine"/{lib,log}/credrotate
}

# connector NAME [LINE...]: the service tunnel@NAME, with these lines more of configuration. It reads NAME.json, and watches
# it, unless `shared` names a file of which it gets a copy at its start, as cloudflared reads its own once.
connector() {
  local before log=$machine/tunnel@$1.service.log name=$1 from=/etc/outbore/$1.json drop=$machine/etc/systemd/system/tunnel@$1.service.d
  shift
  if [[ -n ${shared:-} ]]; then
    from=/run/credentials/tunnel@$name.service/secret
    mkdir -m 755 "$drop"
    printf '[Service]\nLoadCredential=secret:/etc/outbore/%s\n' "$shared" >"$drop/secret.conf"
    inside systemctl daemon-reload
  else
    credentials_file "$name.json"
  fi
  printf '%s\n' "tunnel: $(jq -r .TunnelID "$BATS_FILE_TMPDIR/first.json")" "credentials-file: $from" \
    "url: http://127.0.0.1:$origin_port" "edge: [\"$edge_tunnel\", \"$edge_tunnel\"]" 'cacert: /etc/outbore/ca.pem' \
    'metrics: 127.0.0.1:0' "$@" >"$name.yml"
  [[ -z ${idle:-} ]] || return 0
  : >>"$log"
  before=$(grep -c 'registered tunnel connection' "$log" || true)
  inside systemctl start "tunnel@$name"
  within "$wait_s" has_lines "$log" 'registered tunnel connection' $((before + 2)) # started with the first
}

assert_nothing_lost() {
  stop load
  jq -e '.failures == 0 and .early == 0 and .requests > 0 and .slow > 0 and .messages > 0' \
    <(grep '^{' "$(file_of load.out)") >/dev/null || fail_with "lost: $(<"$(file_of load.out)")"
}

# assert_no_failure: of visitors without slow bodies.
assert_no_failure() {
  stop load
  jq -e '.failures == 0 and .requests > 0' <(grep '^{' "$(file_of load.out)") >/dev/null ||
    fail_with "lost: $(<"$(file_of load.out)")"
}

secret_of() {
  jq -r .TunnelSecret "$1"
}

# assert_current FILE...: they hold the secret that is current, which is not that of before.json.
assert_current() {
  local file current
  current=$("$tunnel" token home | base64 -d | jq -r .s)
  for file in "$@"; do
    [ "$(secret_of "$file")" = "$current" ]
  done
  [ "$(secret_of before.json)" != "$current" ]
}

@test "systemd: tunnel@ has started once it has registered, and systemctl reload has it look at its credentials" {
  connector a
  is_active tunnel@a
  grep -q 'registered tunnel connection' "$machine/tunnel@a.service.log"
  pid=$(property tunnel@a MainPID)
  inside systemctl reload tunnel@a
  within "$wait_s" grep -q 'credentials are as they were' "$machine/tunnel@a.service.log"
  is_active tunnel@a
  [ "$(property tunnel@a MainPID)" = "$pid" ]
}

@test "systemd: signal=reload under load, and nothing is lost" {
  connector a
  connector b
  cp a.json before.json
  pids=$(property tunnel@a MainPID; property tunnel@b MainPID)
  start_load
  run -0 rotate --target file:/etc/outbore/a.json,signal=reload,unit=tunnel@a \
    --target file:/etc/outbore/b.json,signal=reload,unit=tunnel@b
  assert_nothing_lost
  assert_current a.json b.json
  [ "$(property tunnel@a MainPID; property tunnel@b MainPID)" = "$pids" ]
  [ "$(inside stat -c '%a %G' /etc/outbore/a.json)" = '640 outbore' ]
}

@test "systemd: signal=restart, one after the other, and no request is lost" {
  credentials_file shared.json
  cp shared.json before.json
  shared=shared.json connector a 'grace-period: 5s'
  shared=shared.json connector b 'grace-period: 5s'
  cp shared.json b.json
  pid_a=$(property tunnel@a MainPID)
  start_load --grace 0 # a WebSocket lives as long as its connector, and is opened again
  run -0 rotate --target file:/etc/outbore/shared.json,signal=restart,unit=tunnel@a --target file:/etc/outbore/b.json,signal=restart,unit=tunnel@b
  assert_nothing_lost
  assert_current shared.json b.json
  [[ $output == *"signal restart; longer than its grace period has to be TimeoutStopSec, 40s"* ]]
  [ "$(property tunnel@a MainPID)" != "$pid_a" ]
}

@test "systemd: a unit that fails after its restart is not waited for, and can be mended" {
  connector a
  connector b
  mkdir -m 755 "$machine/etc/systemd/system/tunnel@a.service.d"
  printf '[Service]\nType=simple\nRestart=no\n' >"$machine/etc/systemd/system/tunnel@a.service.d/simple.conf"
  inside systemctl daemon-reload
  cp a.json before.json
  cp a.yml good.yml
  echo 'ingress: none' >>a.yml
  run -4 rotate --on-failure stop --target file:/etc/outbore/a.json,signal=restart,unit=tunnel@a --target file:/etc/outbore/b.json
  [[ $output == *"a.json"*"unit tunnel@a has failed; \`systemctl status tunnel@a\` says why; mend that"* ]]
  cp good.yml a.yml
  inside systemctl restart tunnel@a
  run -0 inside credrotate resume --tunnel home --api-url "$TUNNEL_API_URL" --cert /etc/outbore/cert.pem --stable 300ms
  assert_current a.json b.json
}

@test "systemd: --parallel restarts no more at once than leave somebody, also by a command that does not wait" {
  target() {
    echo "file:/etc/outbore/$1.json,signal=exec,cmd=/bin/systemctl restart --no-block tunnel@$1"
  }
  connector a 'grace-period: 2s'
  connector b 'grace-period: 2s'
  for name in a b; do # nothing but a restart makes them read their file
    inside systemctl stop "tunnel@$name"
    shared=$name.json connector "$name" 'grace-period: 2s'
  done
  cp a.json before.json
  start_load --slow 0 --grace 0
  run -0 rotate --parallel 2 --target "$(target a)" --target "$(target b)"
  [ "$(grep -o 'a.json: ok: exec\|b.json: ok: exec\|a.json: ok: . of' <<<"$output" | cut -c 1-12 | xargs)" = "a.json: ok: a.json: ok: b.json: ok:" ]
  credentials_file c.json
  shared=c.json connector c 'grace-period: 2s'
  run -0 rotate --parallel 2 --target "$(target a)" --target "$(target b)" --target "$(target c)"
  [[ $output == *"a.json: ok: exec"*"b.json: ok: exec"*"a.json: ok: "?" of 3"*"b.json: ok: "?" of 3"*"c.json: ok: exec"* ]]
  assert_no_failure
  assert_current a.json b.json c.json
}

@test "systemd: signal=surge starts the idle unit, then stops the other, with one replica and nothing lost" {
  credentials_file shared.json
  cp shared.json before.json
  shared=shared.json connector blue 'grace-period: 1s'
  shared=shared.json idle=1 connector green 'grace-period: 1s'
  start_load --slow 0 --grace 0
  for active in green blue; do
    run -0 rotate --target file:/etc/outbore/shared.json,signal=surge,unit=tunnel@blue,standby=tunnel@green
    is_active "tunnel@$active"
    [ "$(inside systemctl is-active tunnel@blue tunnel@green | sort | xargs)" = "active inactive" ]
  done
  assert_no_failure
  assert_current shared.json
}

@test "systemd: what README.md says of a new secret every night" {
  idle=1 connector a
  idle=1 connector b
  cp a.json before.json
  inside groupdel outbore
  # Word for word, but for the address, and in less time.
  sed -n '/^## A new secret every night/,/^## /p' "$top/README.md" | sed -n '/^By systemd/,/^Of many/s/^    //p' |
    sed "s|https://edge.example.com/client/v4|$TUNNEL_API_URL --stable 300ms --preflight-watch 0s --min-connection-age 0s|" >steps
  [ "$(grep -c . steps)" -ge 6 ]
  inside bash -euo pipefail /etc/outbore/steps
  for name in a b; do
    within "$wait_s" has_lines "$machine/tunnel@$name.service.log" 'registered tunnel connection' 2
  done
  is_active credrotate@home.timer
  [[ $(property credrotate@home.timer NextElapseUSecRealtime) == *" 03:"* ]]
  # The night comes early.
  mkdir -m 755 "$machine/etc/systemd/system/credrotate@home.timer.d"
  printf '[Timer]\nRandomizedDelaySec=0\nOnActiveSec=0\n' >"$machine/etc/systemd/system/credrotate@home.timer.d/now.conf"
  start_load
  inside systemctl daemon-reload
  within "$wait_s" grep -q '"exit":' "$machine/log/credrotate/audit.log"
  within "$wait_s" is_inactive credrotate@home
  [ "$(property credrotate@home Result)" = success ] || fail_with "$(<"$machine/credrotate@home.service.log")"
  [ "$(jq -c '[.command, .state, .exit]' "$machine/log/credrotate/audit.log")" = '["rotate","DONE",0]' ]
  assert_nothing_lost
  assert_current a.json b.json
  [ "$(stat -c %a "$machine/lib/credrotate" "$machine/log/credrotate" "$machine/log/credrotate/audit.log" | xargs)" = "700 700 600" ]
}
