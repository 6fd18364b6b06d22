#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# credrotate with the real edge, real connectors and visitors whose every request is counted.
# bats-run: early

bats_require_minimum_version 1.5.0
load lib

credrotate=${OUTBORE_BIN:-$top/bin}/credrotate
with_faults=${OUTBORE_BUILD:-$top/build/release}/credrotate-faults
account=0123456789abcdef0123456789abcdef

setup() {
  cd "$(scope)" || return
  umask 077
  start_origin
  "$tunnel" edge token make --store edge.db --account "$account" --output token
  start_store_edge
  curl -sf -X POST -H "Authorization: Bearer $(<token)" -H 'Content-Type: application/json' -d '{"name": "web"}' \
    "$api_url/accounts/$account/cfd_tunnel" | jq -c .result.credentials_file >a.json
  tunnel_id=$(jq -r .TunnelID a.json)
  stop edge
  cp a.json b.json
  cp a.json first.json
}

teardown() {
  stop_all
}

# start_store_edge [OPTION...]: with the API; on the same ports again once it was started.
start_store_edge() {
  : "${edge_api=127.0.0.1:$(free_port)}"
  start_edge --store edge.db --api "$edge_api" "$@"
  api_url=http://$edge_api/client/v4
}

# start_fleet [EDGE-OPTION...]: a is told by SIGHUP, b watches its file.
start_fleet() {
  start_store_edge --route '*=web' "$@"
  start_replica a --pidfile a.pidfile
  start_replica b
  within "$wait_s" test -s a.pidfile
  target_a="file:$PWD/a.json,signal=reload,pidfile=$PWD/a.pidfile"
  target_b="file:$PWD/b.json"
}

start_replica() {
  local name=$1
  shift
  web=$name.json start_connector "$name" --url "http://127.0.0.1:$origin_port" --grace-period "${grace:-30s}" "$@"
}

rotate_with() {
  "${binary:-$credrotate}" "$@" --tunnel web --api-url "$api_url" --account "$account" --api-token-file token \
    --state-dir state --audit audit.log --stable 300ms --preflight-watch 200ms --min-connection-age 0s
}

both() {
  rotate_with "$@" --target "$target_a" --target "$target_b"
}

start_load() {
  start load "$peers/rotation_load.py" "$edge_http" "$@"
  wait_for load.out '^ready'
}

# The old secret is refused: a connector with it does not get in.
assert_refused() {
  web=$1 launch_connector thief --url "http://127.0.0.1:$origin_port"
  wait_for thief.err 'Invalid tunnel secret' || return
  stop thief
}

assert_nothing_lost() {
  wait_s=120 stop load # what is under way ends first
  jq -e '.failures == 0 and .early == 0 and .requests > 0 and .slow > 0 and .messages > 0' <(grep '^{' load.out) >/dev/null ||
    fail_with "lost: $(<load.out)"
}

@test "credrotate: three rotations under load lose no request and close no WebSocket" {
  start_fleet
  start_load
  for i in 1 2 3; do
    cp a.json "old$i.json"
    run -0 both rotate
  done
  assert_nothing_lost
  for i in 1 3; do
    assert_refused "old$i.json"
  done
  [ "$(jq -s 'map(.exit) | add' audit.log)" = 0 ]
}

# bats test_tags=slow
@test "credrotate: twenty rotations, 1,000 requests a second, 50 WebSockets: nothing lost" {
  grace=3m
  start_fleet
  start_load --rate 1000 --websockets 50 --slow 10 --grace 180
  local round
  for ((round = 1; round <= ${ROTATIONS:-20}; round++)); do
    cp a.json old.json
    run -0 both rotate
    assert_refused old.json
  done
  assert_nothing_lost
  grep '^{' load.out >&3
}

@test "credrotate: killed in the middle, the edge killed too, resumed" {
  start_fleet
  binary=$with_faults CREDROTATE_FAULT=ROLLING.SIGNAL.0.ok run -137 both rotate
  stop edge KILL || true
  start_store_edge --route '*=web'
  wait_registered a 4
  run -0 both resume --rejoin-timeout 60s
  assert_refused first.json
}

@test "credrotate: a target that does not rejoin is taken back, with nothing lost" {
  start_fleet
  start_load
  echo 2 >wrong.pidfile # no process of ours, and none that may be told
  target_b="file:$PWD/b.json,signal=exec,cmd=/bin/false"
  run -1 both rotate --rejoin-timeout 5s
  cmp a.json first.json
  cmp b.json first.json
  assert_nothing_lost
}

@test "credrotate: a thief is found, and cut off for good" {
  start_fleet
  web=first.json start_connector thief --url "http://127.0.0.1:$origin_port"
  run -4 both rotate
  [[ $output == *"still uses the old secret"* ]]
  run -0 rotate_with resume --stragglers evict
  wait_for thief.err 'Invalid tunnel secret'
}

@test "credrotate: without overlap, by time, as with the real service" {
  start_fleet --official-only
  start_load
  run -0 both rotate --settle 0s --propagation 1s
  [[ $output == *"nothing overlaps"* ]]
  assert_nothing_lost
  assert_refused first.json
}

@test "credrotate: an edge that keeps hashes only, crashes on the way included" {
  start_fleet --hashes-only
  run -3 both rotate
  run -0 both rotate --keep-pending
  assert_refused first.json
  [ "$(find state -name pending)" = "" ]
  local point
  for point in INTENT INTENT.ok ROLLING.INSTALL.0 ROLLING.SIGNAL.0.ok JOINED RETIRED RETIRED.ok DONE; do
    cp a.json old.json
    binary=$with_faults CREDROTATE_FAULT=$point run -137 both rotate --keep-pending
    run rotate_with status
    [ "$status" -eq 4 ] || fail_with "$point: $output"
    run rotate_with resume
    [ "$status" -eq 0 ] || fail_with "$point: $output"
    cmp <(jq .TunnelSecret a.json) <(jq .TunnelSecret b.json)
    assert_refused old.json
    [ "$(find state -name pending)" = "" ]
  done
  target_b="file:$PWD/b.json,signal=exec,cmd=/bin/false"
  cp a.json old.json
  binary=$with_faults CREDROTATE_FAULT=ROLLBACK.ISSUE.ok run -137 both rotate --keep-pending --rejoin-timeout 5s
  run -1 rotate_with resume
  cmp a.json old.json
  cmp b.json old.json
}

@test "credrotate: a connector that is known to be away, and too few of them, are refused" {
  start_fleet
  run -3 both rotate --min-connectors 3
  [[ $output == *"2 live connectors, and there have to be 3"* ]]
  web=first.json start_connector spare --url "http://127.0.0.1:$origin_port"
  stop spare KILL
  run -3 both rotate
  [[ $output == *"a connector has lost all its connections"* ]]
  cmp a.json first.json
}

@test "credrotate: the connector at metrics= has to be the one, and tells what it carries" {
  grace=5s
  start_fleet
  metrics_a=$(sed -n 's/.*connector starts.*metrics=//p' a.err)
  start ws "$peers/rotation_load.py" "$edge_http" --rate 0 --slow 0 --websockets 3 --grace 0
  wait_for ws.out '^ready'
  cp a.json idle.json # nobody reads it, so that a keeps the old secret
  target_a="file:$PWD/idle.json,signal=exec,cmd=/bin/true,metrics=$metrics_a"
  run -4 rotate_with rotate --target "$target_a" --rejoin-timeout 3s --on-failure stop
  [[ $output =~ 'signal '.*': ok: exec, with '[0-9]+' request(s) open' ]]
  # Somebody comes with the new secret, and somebody with the old one goes: not the one that is waited for.
  web=idle.json start_connector fresh --url "http://127.0.0.1:$origin_port"
  stop b
  run -4 rotate_with resume --rejoin-timeout 3s --on-failure stop
  [[ $output == *"did not rejoin in time: 1 of 1 new connector(s) proven"* ]]
  cp idle.json a.json # which a watches
  run -0 rotate_with resume --stragglers evict
}

@test "credrotate: a probe that fails keeps the old secret, and is counted" {
  start_fleet
  run -0 --separate-stderr both rotate --json --probe "http://$edge_http/"
  [ "$(jq -cs '.[-1].rotation | [.probes > 0, .probes_failed]' <<<"$output")" = '[true,0]' ]
  cp a.json old.json
  run -4 --separate-stderr both rotate --json --probe "http://127.0.0.1:$(free_port)/"
  [ "$(jq -cs '.[-1].rotation | [.probes_failed > 0, .probes == .probes_failed]' <<<"$output")" = '[true,true]' ]
  [[ $stderr == *"probe: failed: "*"probes failed"*"the old secret stays as it is"* ]]
  web=old.json start_connector late --url "http://127.0.0.1:$origin_port"
  stop late
  run -0 rotate_with resume
  assert_refused old.json
}

@test "credrotate: a compromised secret is revoked at once" {
  start_fleet
  run -0 both revoke --yes
  assert_refused first.json
}

@test "credrotate: tunnel list says which secrets are due, one command rotates them" {
  start_fleet
  export TUNNEL_API_URL=$api_url TUNNEL_ORIGIN_CERT=$PWD/cert.pem
  "$tunnel" edge cert --store edge.db -o cert.pem
  within "$wait_s" "$tunnel" list # the edge has seen it
  "$tunnel" create --credentials-file other.json other
  cp other.json other-first.json
  cp a.json web.json # whose name is the tunnel's
  web=web.json start_connector c --url "http://127.0.0.1:$origin_port"
  stop a
  stop b
  web=other.json start_connector d --url "http://127.0.0.1:$origin_port"
  run -0 "$credrotate" rotate --older-than 90d --dry-run - < <("$tunnel" list --json)
  [ -z "$output" ]
  # Older than nothing: all are.
  due() {
    "$tunnel" list --json | "$credrotate" rotate --older-than "$@" --target "file:$PWD/%n.json" --state-dir state \
      --audit audit.log --stable 300ms --preflight-watch 200ms --min-connection-age 0s -
  }
  run -0 --separate-stderr due 0s --dry-run
  [ "$(wc -l <<<"$output")" = 2 ]
  [ "$(grep -c 'dry run: 1 target(s)' <<<"$stderr")" = 2 ]
  cmp other.json other-first.json
  run -0 --separate-stderr due 0s --json --records records
  [ "$(jq -cs 'map([.tunnel.name, .rotation.exit]) | sort' <<<"$output")" = '[["other",0],["web",0]]' ]
  [ "$(jq -rs '[.[].rotation | select(.step == "done")] | length' records)" = 2 ]
  assert_refused first.json
  assert_refused other-first.json
  run -0 due 1h
  [ -z "$output" ]
}
