#!/usr/bin/env bats
# credrotate over a fleet that is simulated (tests/peers/rotation_sim.py): the order of things, every crash, every lost
# answer. What it does to real connectors behind the real edge is in credrotate_edge.bats.

bats_require_minimum_version 1.5.0
load lib

credrotate=${OUTBORE_BIN:-$top/bin}/credrotate
with_faults=${OUTBORE_BUILD:-$top/build/release}/credrotate-faults

# start_sim [DIR] [OPTION...]: two connectors, a.json signalled by a command, b.json watched.
start_sim() {
  cd "$1" || return
  shift
  umask 077
  [[ -e a.json ]] || jq -nc --arg id "$tunnel_id" --arg s "$(head -c 32 /dev/urandom | base64 -w 0)" \
    '{AccountTag: "0123456789abcdef0123456789abcdef", TunnelSecret: $s, TunnelID: $id, Extra: "kept"}' >a.json
  [[ -e b.json ]] || cp a.json b.json
  cp a.json first.json
  echo sim-token >token
  : >sim.out # the line of one before it would be taken for its own
  # shellcheck disable=SC2086 # any number of words
  "$peers/rotation_sim.py" first.json "$@" a="$PWD/a.json,${a_kind:-reload}" b="$PWD/b.json,watch" ${more_connectors:-} \
    >sim.out 2>sim.err 3>&- &
  echo $! >sim.pid
  within "$wait_s" grep -q '^ready ' sim.out
  sim=http://127.0.0.1:$(awk '/^ready /{print $2}' sim.out)
  signal_a="signal=exec,cmd=/usr/bin/curl -sf -o /dev/null -X POST $sim/sim/signal/a"
  target_a="file:$PWD/a.json,$signal_a"
  target_b="file:$PWD/b.json"
}

setup() {
  sim=
  start_sim "$(scope)" # the usual one; tests that need another start it in a directory of their own
}

teardown() {
  stop_all
  cd /
}

sim_do() {
  curl -sf -X POST -d "${2:-}" "$sim/sim/$1" >/dev/null
}

sim_state() {
  curl -sf "$sim/sim/state"
}

# rotate_with COMMAND [OPTION...]: with what is common to all, quick.
rotate_with() {
  "${binary:-$credrotate}" "$@" --tunnel "$tunnel_id" --api-url "$sim/client/v4" \
    --account 0123456789abcdef0123456789abcdef --api-token-file token --state-dir state --audit audit.log \
    --stable 50ms --preflight-watch 0s --min-connection-age 0s --propagation 0s
}

# start_rotation [OPTION...]: both, in the background.
start_rotation() {
  start rotation "$credrotate" rotate --tunnel "$tunnel_id" --api-url "$sim/client/v4" \
    --account 0123456789abcdef0123456789abcdef --api-token-file token --state-dir state --audit audit.log \
    --stable 50ms --preflight-watch 0s --min-connection-age 0s --target "$target_a" --target "$target_b" "$@"
}

both() {
  rotate_with "$@" --target "$target_a" --target "$target_b"
}

# All files hold the current secret, all connectors use it, no other is good, nothing is left behind.
assert_rotated() {
  local state
  state=$(sim_state)
  jq -e '(.connectors | all(.current)) and (.previous_open | not)' <<<"$state" >/dev/null || fail_with "not rotated: $state"
  assert_clean
}

assert_clean() {
  local left
  left=$(find . -name '.*.credrotate*' -o -name old -path '*state*' -o -name pending -path '*state*')
  [ -z "$left" ] || fail_with "left behind: $left"
}

secret_of() {
  jq -r .TunnelSecret "$1"
}

# --- The way it goes ---

@test "credrotate: a rotation installs, signals, proves and retires" {
  old=$(secret_of a.json)
  run -0 --separate-stderr both rotate --json
  assert_rotated
  [ "$(secret_of a.json)" != "$old" ]
  [ "$(jq -r .Extra a.json)" = kept ]
  [ "$(jq -rs '[.[].rotation.step] | unique | join(" ")' <<<"$output")" = \
    "done install issue joined preflight rejoin retire signal summary" ]
  [ "$(jq -rs '.[-1].rotation | "\(.step) \(.exit) \(.counts.failed)"' <<<"$output")" = "summary 0 0" ]
  [ "$(stat -c %a "state/$tunnel_id" "state/$tunnel_id/journal" audit.log | xargs)" = "700 600 600" ]
}

@test "credrotate: its records are what the schema says" {
  run -0 --separate-stderr both rotate --json
  printf '%s\n' "$output" >records
  python3 -c 'import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
count = 0
for line in open("records"):
    jsonschema.validate(json.loads(line), schema)
    count += 1
assert count > 5' "$top/share/schema/rotation.json"
}

@test "credrotate: a dry run checks and changes nothing" {
  before=$(sim_state; cat a.json b.json)
  run -0 --separate-stderr both rotate --dry-run
  [[ $stderr == *"dry run: 2 target(s), 2 live connector(s)"* ]]
  [ "$(sim_state; cat a.json b.json)" = "$before" ]
  [ ! -e state ] && [ ! -e audit.log ]
}

@test "credrotate: status after a refusal says that nothing was changed" {
  sim_do rotate
  run -3 both rotate
  run -0 rotate_with status
  [[ $output == *"is over in ABORTED"*"nothing was changed"* ]]
}

@test "credrotate: status, verify, and a second rotation" {
  run -0 both verify
  run -0 rotate_with status
  [[ $output == *"no run on record"* ]]
  run -0 both rotate
  run -0 rotate_with status
  [[ $output == *"is over in DONE"*"the API has the new secret, version 2"* ]]
  run -0 --separate-stderr rotate_with status --json
  are_records rotation <<<"$output"
  [ "$(jq -cs '[map(.rotation.target // empty | test("[ab].json")), (.[-1].rotation | [.command, .state, .exit])]' <<<"$output")" = \
    '[[true,true],["status","DONE",0]]' ]
  run -0 both verify
  run -0 both rotate
  [ "$(sim_state | jq .version)" = 3 ]
  cp first.json b.json
  run -1 both verify
  [[ $output == *"b.json: failed: holds another secret"* ]]
}

@test "credrotate: a token file stays one" {
  jq -jc '{a: .AccountTag, t: .TunnelID, s: .TunnelSecret}' a.json | base64 -w 0 >a.token
  mv a.token a.json
  run -0 both rotate
  assert_rotated
  [ "$(base64 -d a.json | jq -r .s)" = "$(secret_of b.json)" ]
}

@test "credrotate: adopt brings all targets to the current secret without changing it" {
  sim_do rotate
  run -3 both rotate
  [[ $output == *"does not hold the current secret"* ]]
  run -0 both adopt
  [ "$(sim_state | jq .version)" = 2 ]
  assert_rotated
  run -0 both adopt # nothing to do
  [[ $output == *"done: ok: all targets hold the current secret"* ]]
  assert_rotated
}

@test "credrotate: adopt goes on where some targets have the current secret, and some not" {
  kill "$(cat sim.pid)"
  a_kind=watch start_sim "$PWD"
  target_a="file:$PWD/a.json" # nothing that would have it register again
  sim_do rotate
  jq -c --arg s "$(sim_state | jq -r .secret)" '.TunnelSecret = $s' first.json >a.json
  run -1 both verify # and the connector of a has registered
  [[ $output == *"2 live connector(s), 1 of them with another secret"* ]]
  run -0 both adopt --rejoin-timeout 2s
  assert_rotated
  run -0 both verify
}

@test "credrotate: adopt brings back who is locked out" {
  sim_do rotate
  curl -sf -X DELETE -H 'Authorization: Bearer sim-token' \
    "$sim/client/v4/accounts/0123456789abcdef0123456789abcdef/cfd_tunnel/$tunnel_id/connections"
  run -1 both verify
  [[ $output == *" 0 live connector(s)"* ]]
  run -0 both adopt --rejoin-timeout 2s
  assert_rotated
  run -0 both verify
}

@test "credrotate: revoke without a target to install the new secret in is refused" {
  run -2 rotate_with revoke --yes
  [[ $output == *"--target is missing"* ]]
  [ "$(sim_state | jq .version)" = 1 ]
  run -0 both revoke --yes
  run -0 rotate_with revoke --yes # those of the run before
  assert_rotated
}

@test "credrotate: revoke cuts everybody off, and asks before" {
  run -2 both revoke </dev/null
  [[ $output == *"--yes"* ]]
  run -0 both revoke --yes
  assert_rotated
}

@test "credrotate: an answer that cannot be written is an error, and a rotation goes on" {
  run -0 both rotate --records /dev/full
  [[ $output == *"credrotate: /dev/full: "* ]]
  assert_rotated
  for command in status "verify --json"; do
    exit_status=0
    # shellcheck disable=SC2086 # an option
    rotate_with $command >/dev/full 2>err || exit_status=$?
    [ "$exit_status" = 3 ]
    grep -q '^credrotate: stdout: ' err
    # shellcheck disable=SC2086 # an option
    rotate_with $command 2>err | true
    run ! grep stdout err
  done
}

@test "credrotate: the audit log is a chain" {
  run -0 both rotate
  run -0 both rotate
  run -0 "$credrotate" audit --audit audit.log
  [ "$(jq -s '[.[] | [.command, .exit, .version_new]] == [["rotate", 0, 2], ["rotate", 0, 3]]' audit.log)" = true ]
  sed -i '1s/"exit":0/"exit":1/' audit.log
  run -1 "$credrotate" audit --audit audit.log
  [[ $output == *"line 2 does not follow"* ]]
  run -3 "$credrotate" audit --audit nosuch
  run -3 "$credrotate" audit --audit .
  [[ $output == "credrotate: .: Is a directory" ]]
}

# record ID NAME CREATED: of `tunnel list --json`, as much as counts.
record() {
  jq -nc --arg id "$1" --arg name "$2" --arg at "$3" \
    '{schema: "outbore/1", kind: "tunnel", tool: "tunnel", status: "ok", tunnel: {id: $id, name: $name, created_at: $at}}'
}

@test "credrotate: the audit goes to syslog too, if asked" {
  unshare --mount true 2>/dev/null || skip "no mount namespace can be made here"
  # With a /dev of its own, so that the machine's log is left alone.
  cat >with_log <<'SCRIPT'
#!/bin/bash
mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && exec 3>log || exit
python3 -c 'import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/dev/log")
print(s.recv(65536).decode("utf-8", "replace"))' >&3 &
until [[ -S /dev/log ]]; do kill -0 $! || exit; done
"$@" && wait $!
SCRIPT
  chmod +x with_log
  run -0 unshare --mount ./with_log "$credrotate" rotate --tunnel "$tunnel_id" --api-url "$sim/client/v4" \
    --account 0123456789abcdef0123456789abcdef --api-token-file token --state-dir state --audit audit.log --audit-syslog \
    --stable 50ms --preflight-watch 0s --min-connection-age 0s --target "$target_a" --target "$target_b"
  [[ $(<log) == "<85>"*" credrotate["*"]: {"*'"exit":0'* ]] # authpriv, notice
  run ! grep -qF "$(secret_of a.json)" log
}

@test "credrotate: records of tunnels tell which are due" {
  {
    record "$tunnel_id" ancient 2020-01-01T00:00:00Z
    record 22222222-2222-3333-4444-555555555555 fresh "$(date -u +%FT%TZ)"
    echo '{"schema":"outbore/1","kind":"probe","tool":"wscat","odd":1}'
  } >lines
  run -0 --separate-stderr "$credrotate" rotate --older-than 90d --dry-run --json - <lines
  [ "$(jq -rs 'map(.rotation.due) | tostring' <<<"$output")" = '[true,false,null]' ]
  [ "$(jq -s '.[2].odd' <<<"$output")" = 1 ]
  run -0 --separate-stderr "$credrotate" rotate --older-than 90d --dry-run - <lines
  [[ $output == "$tunnel_id  ancient  "*" days" ]]
  run -3 --separate-stderr "$credrotate" rotate --older-than 90d --dry-run --json - <<<'no record'
  run -3 "$credrotate" rotate --older-than 90d --dry-run - </
  [[ $output == "credrotate: standard input: Is a directory" ]]
}

# rotate_records [OPTION...]: those of standard input, with one target for each tunnel.
rotate_records() {
  "$credrotate" rotate --older-than 90d --api-url "$sim/client/v4" --account 0123456789abcdef0123456789abcdef \
    --api-token-file token --state-dir state --audit audit.log --stable 50ms --preflight-watch 0s --min-connection-age 0s \
    --target "file:$PWD/%n.json,$signal_a" --target "file:$PWD/b.json,cmd=%i" --json - "$@"
}

@test "credrotate: secrets of records that are due are rotated, and are as old as the last rotation" {
  {
    record "$tunnel_id" ../a 2020-01-01T00:00:00Z
    record 22222222-2222-3333-4444-555555555555 nobody 2020-01-01T00:00:00Z
    record "$tunnel_id" a 2020-01-01T00:00:00Z
    record "$tunnel_id" a 2020-01-01T00:00:00Z
  } >lines
  run -3 --separate-stderr rotate_records <lines
  [[ $stderr == *"$tunnel_id: its name has characters that no path should have"* ]]
  [ "$(jq -cs 'map([.status, .rotation.due, .rotation.exit])' <<<"$output")" = \
    '[["fail",true,3],["fail",true,3],["ok",true,0],["ok",false,null]]' ]
  assert_rotated
  [ "$(sim_state | jq .version)" = 2 ]
}

@test "credrotate: a rotation that stops half-way is the last of its records" {
  record "$tunnel_id" a 2020-01-01T00:00:00Z >lines
  record "$tunnel_id" a 2020-01-01T00:00:00Z >>lines
  signal_a=signal=exec,cmd=/bin/true
  run -4 --separate-stderr rotate_records --on-failure stop --rejoin-timeout 1s <lines
  [ "$(jq -cs 'map(.rotation.exit)' <<<"$output")" = '[4]' ]
}

@test "credrotate: records and what does not go with them" {
  run -2 rotate_records --target "file:$PWD/a.json"
  [[ $output == *"of which tunnel? With records %i stands for its id, %n for its name"* ]]
  run -2 rotate_records --target manifest:a/%n#k
  run -2 rotate_records --tunnel "$tunnel_id"
  run -2 rotate_records --api-token-file -
}

@test "credrotate: usage errors say what is missing" {
  for arguments in "" "turn" "rotate" "rotate --tunnel x" "rotate --tunnel x --api-url http://127.0.0.1:1" \
    "rotate --tunnel x --api-url u --account a" "rotate --tunnel x --api-url u --account a --api-token-file f" \
    "rotate --tunnel x --window 25h" "rotate --on-failure=pray" "resume --older-than 90d -" "rotate now" \
    "status --tunnel x --state-dir="; do
    # shellcheck disable=SC2086 # words
    run -2 "$credrotate" $arguments
    [[ ${lines[0]} == credrotate:* ]]
  done
  for target in file: nothing ftp:x file:a,signal=shout file:a,signal=reload file:a,signal=restart file:a,colour=red \
    k8s:Upper/name#key k8s:a/b "file:a,signal=rollout,rollout=deployment/x"; do
    run -2 rotate_with rotate --target "$target"
  done
  run -3 rotate_with rotate --target file:nosuch/a.json
  chmod 644 token
  run -2 both rotate
  [[ $output == *"everybody can read it"* ]]
}

@test "credrotate: a target the journal could not name, or given twice, is refused before anything is changed" {
  cp a.json $'\xff.json'
  run -2 rotate_with rotate --target "file:$PWD/"$'\xff.json' --target "$target_b"
  [[ $output == *'\xff.json": is not UTF-8'* ]]
  run -2 both rotate --target "$target_b"
  [[ $output == *"\"$target_b\": is given twice; several processes that use one are replicas=N"* ]]
  [ ! -e audit.log ]
  [ "$(sim_state | jq .version)" = 1 ]
}

@test "credrotate: a fleet in motion is left alone" {
  start_rotation --min-connection-age 1h
  ended rotation
  [ "$exit_status" = 3 ]
  [[ $(<rotation.err) == *"a connection is younger than --min-connection-age: the fleet is in motion"* ]]
  sim_do lose/b
  start_rotation --preflight-watch 10ms
  ended rotation
  [ "$exit_status" = 3 ]
  [[ $(<rotation.err) == *"had 2 connections and has 1: the fleet is in motion"* ]]
  [ "$(sim_state | jq .version)" = 1 ]
  run -0 both rotate
}

@test "credrotate: no connector of another make is reloaded, which would end it" {
  kill "$(cat sim.pid)"
  more_connectors=old=$PWD/first.json,cloudflared start_sim "$PWD"
  start other sleep 300
  target_a="file:$PWD/a.json,signal=reload,pidfile=$PWD/other.pid"
  run -3 both rotate
  [[ $output == *"signal=reload would end a connector of another make"* ]]
  is_running other
  [ "$(sim_state | jq .version)" = 1 ]
}

@test "credrotate: a target of another tunnel, or not of the current secret, is refused; --force-stale goes on" {
  jq -c '.TunnelID = "22222222-2222-3333-4444-555555555555"' a.json >other.json
  run -3 rotate_with rotate --target "file:$PWD/other.json"
  [[ $output == *"holds the credentials of another tunnel, 22222222-"* ]]
  jq -c '.TunnelSecret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="' a.json >stale.json
  run -3 both rotate --target "file:$PWD/stale.json,signal=exec,cmd=/bin/true"
  [[ $output == *"stale.json: failed: does not hold the current secret"* ]]
  [ "$(sim_state | jq .version)" = 1 ]
  run -4 both rotate --target "file:$PWD/stale.json,signal=exec,cmd=/bin/true" --force-stale --on-failure stop --rejoin-timeout 1s
  [ "$(secret_of stale.json)" = "$(sim_state | jq -r .secret)" ] # installed, and nobody there to take it up
}

# --- Crashes ---

# kill_case POINT [OPTION...]: in a directory of its own: killed there, resumed, rotated.
kill_case() {
  local point=$1 name
  name=${point//[^A-Za-z0-9]/_}
  shift
  mkdir -p "$(scope)/$name"
  (
    set -e
    start_sim "$(scope)/$name" ${sim_options:-}
    trap 'kill $(cat "$(scope)/$name/sim.pid")' EXIT
    status=0
    binary=$with_faults CREDROTATE_FAULT=$point both rotate "$@" || status=$?
    [ "$status" = "${at_point:-137}" ] || fail_with "$point was not reached: $status"
    # whatever was killed, nobody is locked out
    [ -n "${sim_options:-}" ] || sim_state | jq -e '.connectors | all(.installable)'
    status=0
    both resume "$@" || status=$?
    if [[ $(find state -name journal -exec tail -n 1 {} +) != *'"state":"ROLLED_BACK"'* && $status = 0 ]] &&
      ! grep -q '"state":"DONE","ok":true' state/*/journal; then
      both rotate "$@" # it was killed before anything was on record
    fi
    assert_rotated
  ) >"$(scope)/$name.log" 2>&1 & # not before ||, where set -e would not count
  wait $! || {
    echo "killed at $point:"
    tail -n 20 "$(scope)/$name.log"
    return 1
  }
}

# table FUNCTION POINT...: all of them, some at a time.
table() {
  local function=$1 failed=0 pids=() pid point
  shift
  for point; do
    "$function" "$point" 3>&- &
    pids+=($!)
    if ((${#pids[@]} == 10)); then
      for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
      pids=()
    fi
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  return "$failed"
}

# Each line of the journal has two points, before it is written and after; an action lies between a line and its "ok".
points=(before:NEW NEW before:PREFLIGHT PREFLIGHT before:INTENT INTENT before:INTENT.ok INTENT.ok before:ISSUED ISSUED
  before:ROLLING ROLLING
  before:ROLLING.INSTALL.0 ROLLING.INSTALL.0 file:written file:kept file:renamed before:ROLLING.INSTALL.0.ok
  ROLLING.INSTALL.0.ok before:ROLLING.SIGNAL.0 ROLLING.SIGNAL.0 before:ROLLING.SIGNAL.0.ok ROLLING.SIGNAL.0.ok
  before:ROLLING.REJOIN.0 ROLLING.REJOIN.0 before:ROLLING.REJOIN.0.ok ROLLING.REJOIN.0.ok
  before:ROLLING.INSTALL.1 ROLLING.INSTALL.1 before:ROLLING.INSTALL.1.ok ROLLING.INSTALL.1.ok
  before:ROLLING.SIGNAL.1 ROLLING.SIGNAL.1 before:ROLLING.SIGNAL.1.ok ROLLING.SIGNAL.1.ok
  before:ROLLING.REJOIN.1 ROLLING.REJOIN.1 before:ROLLING.REJOIN.1.ok ROLLING.REJOIN.1.ok
  before:JOINED JOINED before:JOINED.ok JOINED.ok before:RETIRED RETIRED before:RETIRED.ok RETIRED.ok
  before:DONE DONE before:DONE.ok DONE.ok)

@test "credrotate: the table of points is all there are" {
  binary=$with_faults CREDROTATE_POINTS=points.txt run -0 both rotate
  [ "$(sort -u points.txt)" = "$(printf '%s\n' "${points[@]}" | sort -u)" ]
}

@test "credrotate: killed at any point, resume ends rotated" {
  table kill_case "${points[@]}"
}

@test "credrotate: what is done is on record before" {
  while read -r point line; do
    binary=$with_faults CREDROTATE_FAULT=$point run -137 both rotate
    [ "$(tail -n 1 state/*/journal | jq -c '[.step, .target, .ok]')" = "$line" ]
    run -0 both resume
  done <<'LINES'
file:renamed ["INSTALL",0,null]
before:ROLLING.SIGNAL.0.ok ["SIGNAL",0,null]
before:ROLLING.INSTALL.1.ok ["INSTALL",1,null]
LINES
}

@test "credrotate: killed at any point where nothing overlaps, resume ends rotated" {
  sim_options=--official-only
  case_official() {
    kill_case "$1" --settle 0s
  }
  table case_official INTENT before:INTENT.ok ISSUED ROLLING.INSTALL.0 file:written file:kept file:renamed \
    ROLLING.INSTALL.0.ok ROLLING.INSTALL.1 ROLLING.INSTALL.1.ok ROLLING.SIGNAL.0 before:ROLLING.SIGNAL.0.ok \
    ROLLING.REJOIN.0 ROLLING.REJOIN.1.ok JOINED RETIRED DONE
}

# back_case POINT: the target does not rejoin; killed on the way back.
back_case() {
  local point=$1 name
  name=back_${point//[^A-Za-z0-9]/_}
  mkdir -p "$(scope)/$name"
  (
    set -e
    start_sim "$(scope)/$name"
    trap 'kill $(cat "$(scope)/$name/sim.pid")' EXIT
    status=0
    binary=$with_faults CREDROTATE_FAULT=$point rotate_with rotate --target "$target_b" \
      --target "file:$PWD/a.json,signal=exec,cmd=/bin/false" || status=$?
    [ "$status" = 137 ] || fail_with "$point was not reached: $status"
    sim_state | jq -e '.connectors | all(.installable)'
    status=0
    # the command is mended by now: what counts is that all are back
    sed -i 's#,signal=exec,cmd=/bin/false##g' state/*/journal
    rotate_with resume || status=$?
    [ "$status" = 1 ] || fail_with "resume: $status"
    cmp a.json first.json && cmp b.json first.json
    assert_rotated
  ) >"$(scope)/$name.log" 2>&1 & # not before ||, where set -e would not count
  wait $! || {
    echo "killed at $point:"
    tail -n 20 "$(scope)/$name.log"
    return 1
  }
}

@test "credrotate: killed on the way back, resume ends rolled back" {
  table back_case ROLLBACK ROLLBACK.ISSUE before:ROLLBACK.ISSUE.ok ROLLBACK.ISSUE.ok ROLLBACK.INSTALL.1 \
    ROLLBACK.INSTALL.1.ok ROLLBACK.INSTALL.0 before:ROLLBACK.INSTALL.0.ok ROLLBACK.REJOIN.0.ok before:ROLLED_BACK.ok
}

# --- Answers that are lost or wrong ---

# fault_case "METHOD PATH MODE": once.
fault_case() {
  local method path mode name
  read -r method path mode <<<"$1"
  name=fault_${method}_${path//\//_}_$mode
  mkdir -p "$(scope)/$name"
  (
    set -e
    start_sim "$(scope)/$name"
    trap 'kill $(cat "$(scope)/$name/sim.pid")' EXIT
    sim_do fault "$(jq -n --arg m "$method" --arg p "$path" --argjson mode "$mode" '{method: $m, path: $p, mode: $mode, count: 1}')"
    both rotate
    assert_rotated
  ) >"$(scope)/$name.log" 2>&1 & # not before ||, where set -e would not count
  wait $! || {
    echo "$1:"
    tail -n 20 "$(scope)/$name.log"
    return 1
  }
}

@test "credrotate: any call's answer may be lost" {
  table fault_case 'PATCH / "lost"' 'PATCH / 500' 'PATCH / "drop"' 'PATCH / 429' 'GET /token "lost"' 'GET /token 500' \
    'GET /connections "lost"' 'GET /connections 429' 'GET /cfd_tunnel/ "drop"'
}

@test "credrotate: somebody else's secret stops it, and changes nothing more" {
  binary=$with_faults CREDROTATE_FAULT=INTENT run -137 both rotate
  sim_do rotate
  before=$(sim_state; cat a.json b.json)
  run -5 rotate_with status
  run -5 both resume
  [[ $output == *"someone else changed the secret: version 2"*"credrotate adopt"* ]]
  [ "$(sim_state; cat a.json b.json)" = "$before" ]
}

@test "credrotate: somebody else's secret in the middle of rolling" {
  target_a="file:$PWD/a.json,signal=exec,cmd=/usr/bin/curl -sf -o /dev/null -X POST $sim/sim/rotate"
  run -5 both rotate --rejoin-timeout 1s
  [[ $output == *"someone else changed the secret"* ]]
}

@test "credrotate: a token that is revoked half-way is status 7, and resume goes on with another" {
  binary=$with_faults CREDROTATE_FAULT=ROLLING.INSTALL.0.ok run -137 both rotate
  sim_do fault '{"method": "GET", "path": "/connections", "mode": 403, "count": 1}'
  run -7 both resume
  run -0 both resume
  assert_rotated
}

@test "credrotate: a refused change is nothing changed" {
  sim_do fault '{"method": "PATCH", "path": "/", "mode": 403, "count": 1}'
  run -7 both rotate
  cmp a.json first.json
  run -0 rotate_with status
  run -0 both rotate
  assert_rotated
}

@test "credrotate: after a refused change no secret is kept" {
  sim_do fault '{"method": "PATCH", "path": "/", "mode": 403, "count": 1}'
  run -7 both rotate --keep-pending
  assert_clean
}

@test "credrotate: nobody is restarted when nobody else is left, and that is no reason to go back" {
  target_b="file:$PWD/b.json,signal=exec,cmd=/bin/true"
  start_rotation --settle 3s
  wait_for rotation.err '^credrotate: rejoin .*: ok'
  sim_do kill/b
  ended rotation
  [ "$exit_status" = 4 ]
  grep -q 'signal: failed: .*b.json.*no other connector is live.*credrotate resume' rotation.err
  run ! cmp a.json first.json
  [ "$(sim_state | jq .previous_open)" = true ]
}

@test "credrotate: the pause between two targets ends before the window" {
  start_rotation --settle 10m
  wait_for rotation.err '^credrotate: rejoin .*: ok'
  sim_do skew '{"seconds": 780}'
  ended rotation
  [ "$exit_status" = 4 ]
  grep -q 'four fifths of the window are over and targets are left; the window was made as long again' rotation.err
  [ "$(sim_state | jq .previous_open)" = true ]
  run -0 both resume
  assert_rotated
}

@test "credrotate: the server's clock jumps over the window's end, and all are brought on" {
  binary=$with_faults CREDROTATE_FAULT=ROLLING.REJOIN.0.ok run -137 both rotate
  sim_do skew '{"seconds": 7200}'
  run -0 both resume
  [[ $output == *"the window has closed while targets were left"* ]]
  assert_rotated
}

@test "credrotate: the server's clock jumps back" {
  binary=$with_faults CREDROTATE_FAULT=ROLLING.REJOIN.0.ok run -137 both rotate
  sim_do skew '{"seconds": -7200}'
  run -0 both resume
  assert_rotated
}

@test "credrotate: a target that does not rejoin is taken back" {
  target_a="file:$PWD/a.json,signal=exec,cmd=/bin/true"
  run -1 both rotate --rejoin-timeout 1s
  [[ $output == *"did not rejoin in time"*"going back"*"the old secret is current, and all use it"* ]]
  cmp a.json first.json
  cmp b.json first.json
  assert_rotated
}

@test "credrotate: a second one in a row is taken back too, though nobody has registered in between" {
  target_a="file:$PWD/a.json,signal=exec,cmd=/bin/true"
  for _ in 1 2 3; do
    run -1 both rotate --rejoin-timeout 1s
    [[ $output == *"the old secret is current, and all use it"* ]]
    cmp a.json first.json
    assert_rotated
  done
}

@test "credrotate: after one was taken back, all hold the current secret under an earlier number" {
  target_a="file:$PWD/a.json,signal=exec,cmd=/bin/true"
  run -1 both rotate --rejoin-timeout 1s
  sim_state | jq -e '.version == 3 and (.connectors | all(.version == 1))'
  run -0 both verify
  run -0 both adopt --rejoin-timeout 1s
  run -0 both verify
}

@test "credrotate: stopped on failure, mended, resumed; or rolled back by hand" {
  target_a="file:$PWD/a.json,signal=exec,cmd=/bin/true"
  run -4 both rotate --rejoin-timeout 1s --on-failure stop
  [[ $output == *"credrotate resume"* ]]
  sim_do signal/a
  run -0 rotate_with resume
  assert_rotated
  target_a="file:$PWD/a.json,signal=exec,cmd=/bin/true"
  cp a.json first.json
  run -4 both rotate --rejoin-timeout 1s --on-failure stop
  run -0 rotate_with rollback
  cmp a.json first.json
  assert_rotated
}

# --- Who else is there ---

@test "credrotate: a thief is named, and cut off after the window is closed" {
  kill "$(cat sim.pid)"
  more_connectors=thief=$PWD/first.json,reload start_sim "$PWD"
  run -4 both rotate
  [[ $output == *"straggler"*"still uses the old secret"*"1 connector(s) that belong to no target"* ]]
  [ "$(sim_state | jq .previous_open)" = true ]
  run -0 rotate_with resume --stragglers=evict
  [ "$(sim_state | jq -c '[.previous_open, .connectors.thief.version]')" = '[false,null]' ]
}

@test "credrotate: a straggler is kept until it reconnects" {
  kill "$(cat sim.pid)"
  more_connectors=forgotten=$PWD/first.json,reload start_sim "$PWD"
  run -0 both rotate --stragglers=keep
  [ "$(sim_state | jq -c '[.previous_open, .connectors.forgotten.version]')" = '[false,1]' ]
}

@test "credrotate: a second run is told whose turn it is" {
  mkdir -p "state/$tunnel_id"
  start holder flock "state/$tunnel_id/lock" sh -c 'echo $$ >'"$PWD/state/$tunnel_id/lock"'; echo locked; exec sleep 60'
  wait_for holder.out locked
  run -75 both rotate
  [[ $output == *"process $(cat "state/$tunnel_id/lock") is at work"* ]]
}

@test "credrotate: a signal stops it between two actions, and resume goes on" {
  target_a="file:$PWD/a.json,signal=exec,cmd=/bin/true"
  start_rotation
  wait_for rotation.err 'signal .*: ok'
  stop rotation
  [ "$exit_status" = 4 ]
  sim_do signal/a
  run -0 rotate_with resume
  assert_rotated
}

@test "credrotate: a signal before anything is changed ends it as refused" {
  start_rotation --preflight-watch 300s
  within "$wait_s" grep -qs PREFLIGHT "state/$tunnel_id/journal"
  stop rotation
  [ "$exit_status" = 3 ]
  [[ $(<rotation.err) == *"stopped by a signal in PREFLIGHT; nothing is changed"* ]]
  run -0 rotate_with status
  [[ $output == *"nothing was changed"* ]]
}

@test "credrotate: a signal ends the wait for records too" {
  mkfifo lines
  exec {fd}<>lines
  # shellcheck disable=SC2016 # the shell that is started takes its own arguments
  start rotation bash -c 'exec "$@" <lines' rotation "$credrotate" rotate --older-than 90d --api-url "$sim/client/v4" \
    --account 0123456789abcdef0123456789abcdef --api-token-file token --state-dir state --audit audit.log \
    --target "file:nosuch/%i" --json -
  record "$tunnel_id" a 2020-01-01T00:00:00Z >&"$fd"
  wait_for rotation.out '"exit":3'
  stop rotation
  exec {fd}>&-
  [ "$exit_status" = 143 ]
}

has_taken_signal() {
  grep -q '^ShdPnd:[^1-9a-f]*$' "/proc/$(pid_of rotation)/status"
}

has_child() {
  child=$(pgrep -P "$(pid_of rotation)" -x sleep)
}

@test "credrotate: a second signal ends it at once, and resume goes on" {
  target_a="file:$PWD/a.json,signal=exec,cmd=/bin/sleep 300"
  start_rotation
  within "$wait_s" has_child
  signal rotation TERM
  within "$wait_s" has_taken_signal # two that wait at once are one
  signal rotation TERM
  ended rotation
  [ "$exit_status" = 143 ]
  kill "$child"
  sim_do signal/a
  run -0 rotate_with resume
  assert_rotated
}

# --- Files ---

@test "credrotate: owner, mode, links and unknown fields of a file" {
  ((EUID == 0)) || skip "takes root"
  chmod 644 b.json
  chown 4321:1234 b.json
  ln -s a.json link.json
  target_a="file:$PWD/link.json,$signal_a"
  run -0 both rotate
  [[ $output == *"mode 0644 became 0640"* ]]
  [ "$(stat -c '%u:%g %a' b.json)" = "4321:1234 640" ]
  [ "$(stat -c %a a.json)" = 600 ]
  [ -L link.json ] && [ ! -L a.json ]
  assert_rotated
}

# attributes FILE: its ACL and its security label.
attributes() {
  python3 -c 'import os, sys
for name in ("system.posix_acl_access", "security.selinux"):
    print(name, os.getxattr(sys.argv[1], name).hex())' "$1"
}

@test "credrotate: ACL and security label of a file" {
  # user::rw- user:12:r-- group::r-- mask::r-- other::---, and a label of a kind.
  python3 -c 'import os, struct
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in
    [(1, 6, 0xffffffff), (2, 4, 12), (4, 4, 0xffffffff), (16, 4, 0xffffffff), (32, 0, 0xffffffff)])
os.setxattr("a.json", "system.posix_acl_access", acl)
os.setxattr("a.json", "security.selinux", b"system_u:object_r:etc_t:s0\0")' || skip "no ACL or label can be set here"
  before=$(attributes a.json)
  run -0 both rotate
  [ "$(attributes a.json)" = "$before" ]
  [ "$(stat -c %a a.json)" = 640 ]
  assert_rotated
}

@test "credrotate: --stable and --settle are kept" {
  start_rotation --json --stable 700ms --settle 900ms
  ended rotation
  [ "$exit_status" = 0 ]
  [ "$(jq -cs '[.[].rotation | select(.step == "rejoin").elapsed_ms >= 700]' rotation.out)" = '[true,true]' ]
  [ "$(jq -cs '[.[].rotation | select(.step == "rejoin" or .step == "install")] |
    [.[] | {t: ((.time[0:19] + "Z" | fromdate) * 1000 + (.time[20:23] | tonumber))}] |
    (.[2].t - .[1].t) >= 900' rotation.out)" = true ]
}

@test "credrotate: a mounted Kubernetes volume is refused" {
  mkdir ..2026_01_02_03_04_05.123
  cp a.json ..2026_01_02_03_04_05.123/
  ln -s ..2026_01_02_03_04_05.123 ..data
  ln -s ..data/a.json mounted.json
  run -3 rotate_with rotate --target "file:$PWD/mounted.json"
  [[ $output == *"Kubernetes volume"*"k8s:NAMESPACE/NAME#KEY"* ]]
}

@test "credrotate: a file that cannot be replaced, or not be written anew, is found before anything is changed" {
  sed 's/TunnelSecret/Tunnel\\u0053ecret/' a.json >escaped.json
  run -3 rotate_with rotate --target "file:$PWD/escaped.json"
  [[ $output == *"\"TunnelSecret\" is not written plainly"* ]]
  cp a.json fixed.json
  chattr +i fixed.json || skip "no attributes here"
  run rotate_with rotate --target "file:$PWD/fixed.json"
  chattr -i fixed.json
  [ "$status" = 3 ]
  [[ $output == *"fixed.json: cannot keep the old file beside it: Operation not permitted"* ]]
  [ "$(sim_state | jq .version)" = 1 ]
  assert_clean
}

@test "credrotate: a full disk is found before anything is changed" {
  ((EUID == 0)) || skip "takes root"
  mkdir small
  mount -t tmpfs -o size=16k none small || skip "no tmpfs to be mounted here"
  cp a.json small/
  head -c 100k /dev/zero >small/filler 2>/dev/null || true
  run both rotate --target "file:$PWD/small/a.json"
  umount small
  [ "$status" = 3 ]
  [[ $output == *"cannot write a file"*"beside it"* ]]
  [ "$(sim_state | jq .version)" = 1 ]
}

@test "credrotate: a read-only file system, and a file mounted by itself" {
  ((EUID == 0)) || skip "takes root"
  mkdir ro
  mount -t tmpfs none ro || skip "no tmpfs to be mounted here"
  cp a.json ro/
  mount -o remount,ro ro
  run both rotate --target "file:$PWD/ro/a.json"
  umount ro
  [ "$status" = 3 ]
  [[ $output == *"Read-only file system"* ]]
  touch alone.json
  mkdir other
  mount -t tmpfs none other
  cp a.json other/
  mount --bind other/a.json alone.json
  run both rotate --target "file:$PWD/alone.json"
  umount alone.json other
  [ "$status" = 3 ]
  [[ $output == *"mount the directory, not the file"* ]]
}

# --- Secrets stay secret ---

@test "credrotate: no secret in arguments, environments, logs, journal, records" {
  old=$(secret_of a.json)
  target_a="file:$PWD/a.json,signal=exec,cmd=$PWD/look"
  cat >look <<END
#!/bin/bash
# in the middle of a rotation: who shows the secret?
env >"$PWD/seen.env"
ls -l /proc/self/fd >"$PWD/seen.fd"
for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
  tr '\0' '\n' <"\$file"
done >"$PWD/seen.proc" 2>/dev/null
cp -r "$PWD/state" "$PWD/seen.state"
exec /usr/bin/curl -sf -o /dev/null -X POST $sim/sim/signal/a
END
  chmod +x look
  run -0 --separate-stderr both rotate --json
  printf '%s\n' "$output" >records
  printf '%s\n' "$stderr" >log
  new=$(secret_of a.json)
  [ -s seen.proc ] && [ -s records ] && [ -s log ] && [ -e "seen.state/$tunnel_id/journal" ]
  for secret in "$old" "$new" sim-token; do
    run -1 grep -rlF -e "$secret" seen.* records log state audit.log
  done
  [ "$(sort seen.env | cut -d= -f1 | xargs)" = "LC_ALL PATH PWD SHLVL _" ]
  [ "$(grep -c ' -> ' seen.fd)" -le 5 ]
}

@test "credrotate: the memory of a run is closed to others and to core files" {
  target_a="file:$PWD/a.json,signal=exec,cmd=$PWD/look"
  cat >look <<END
#!/bin/bash
grep -E 'Max core' /proc/\$PPID/limits >"$PWD/limits"
stat -c %u /proc/\$PPID/environ >"$PWD/owner" || true
exec /usr/bin/curl -sf -o /dev/null -X POST $sim/sim/signal/a
END
  chmod +x look
  run -0 both rotate
  [[ $(<limits) =~ "Max core file size"\ +0\ +0 ]]
}
