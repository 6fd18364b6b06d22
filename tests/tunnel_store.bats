#!/usr/bin/env bats
# The store of the edge: what is on the disk when, and for how long.

load lib
load api

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  stop_all
}

# slow_disk MS: each sync of an edge that was started with start_slow takes so much longer from now on.
slow_disk() {
  echo "$1" >slow.new
  mv slow.new slow
}

# start_slow [OPTION...]: as start_api, on a disk that slow_disk governs.
start_slow() {
  local really=$tunnel
  [[ -e token ]] || "$tunnel" edge token make --store edge.db --account "$account" -o token
  printf '#!/bin/sh\nexec env LD_PRELOAD=%s SLOW_SYNC=%s ASAN_OPTIONS=verify_asan_link_order=0 %s "$@"\n' \
    "${OUTBORE_BUILD:-$top/build/release}/slowsync.so" "$PWD/slow" "$really" >slow-tunnel
  chmod +x slow-tunnel
  tunnel=$PWD/slow-tunnel start_api "$@"
}

# raw_store TEXT: the names of the store's files that hold it.
raw_store() {
  grep -laF -e "$1" edge.db edge.db-wal || true
}

# sealed ID MEMBER: how the store keeps a secret of a tunnel, "" when it does not; from a copy, as the edge has the file open.
sealed() {
  stored "tunnel/$1" ".$2.sealed // \"\""
}

# stored KEY FILTER
stored() {
  python3 - "$1" <<'PY' | jq -r "$2"
import sqlite3, sys
d = sqlite3.connect("file:edge.db?mode=ro", uri=True)
row = d.execute("SELECT value FROM record WHERE key = ?", (sys.argv[1],)).fetchone()
print(row[0].decode() if row else "null")
PY
}

# keys PREFIX: how many records there are.
keys() {
  python3 - "$1" <<'PY'
import sqlite3, sys
d = sqlite3.connect("file:edge.db?mode=ro", uri=True)
print(d.execute("SELECT count(*) FROM record WHERE key GLOB ?", (sys.argv[1] + "*",)).fetchone()[0])
PY
}

has_keys() {
  [ "$(keys "$1")" = "$2" ]
}

@test "store: requests do not wait for a disk that takes half a second for each commit" {
  start_slow
  create web
  zone=$(zone_of)
  route "$id" '{"type":"dns","user_hostname":"web.example.com"}'
  connect connector web.token
  slow_disk 500
  start load "$peers/latency.py" "$edge_http" web.example.com "$PWD/enough"
  wait_for load.out ready
  for i in 1 2 3 4; do
    took=$(curl -sSf -o created.json -w '%{time_total}' -H "Authorization: Bearer $(cat token)" -H 'Content-Type: application/json' \
      -d "{\"name\":\"n$i\"}" "$base")
    awk -v t="$took" 'BEGIN { exit !(t > 0.5) }' # it was on the disk before it was answered
  done
  touch enough
  ended load
  [ "$exit_status" = 0 ]
  read -r _ count p99 longest < <(tail -n 1 load.out)
  echo "# $count requests, 99 of 100 within $p99 ms, the longest $longest ms" >&3
  ((count > 50))
  awk -v t="$p99" 'BEGIN { exit !(t < 400) }' # one that waited for the disk would take 500
  rm slow
}

@test "store: changes that come at once are made in their order, each against what the one before has left" {
  start_slow
  create demo
  slow_disk 200
  for i in 1 2 3 4; do
    start "change$i" curl -sS -w ' %{http_code}' -H "Authorization: Bearer $(cat token)" -H 'Content-Type: application/json' \
      -X PATCH -d "{\"tunnel_secret\":\"$(secret)\"}" "$base/$id"
    start "same$i" curl -sS -w ' %{http_code}' -H "Authorization: Bearer $(cat token)" -H 'Content-Type: application/json' \
      -d '{"name":"same"}' "$base"
  done
  for i in 1 2 3 4; do
    ended "change$i"
    ended "same$i"
  done
  [ "$(sed 's/.*"tunnel_secret_version":\([0-9]*\).* /\1 /' change?.out | sort | tr '\n' ' ')" = '2 200 3 200 4 200 5 200 ' ]
  [ "$(sed 's/.* //' same?.out | sort | tr '\n' ' ')" = '200 409 409 409 ' ]
  rm slow
}

# hold: another process has the store for itself until "go" is there; then it revokes the token named and lets go.
hold() {
  python3 -u - "$1" <<'PY'
import os, sqlite3, sys, time
d = sqlite3.connect("edge.db", isolation_level=None)
d.execute("BEGIN IMMEDIATE")
print("held")
while not os.path.exists("go"):
    time.sleep(0.02)
(revision,) = d.execute("UPDATE counter SET value = value + 1 WHERE name = 'revision' RETURNING value").fetchone()
d.execute("DELETE FROM record WHERE key = ?", ("token/" + sys.argv[1],))
d.execute("INSERT INTO gone VALUES(?, ?)", ("token/" + sys.argv[1], revision))
d.execute("COMMIT")
PY
}

@test "store: a token that is revoked while its change waits changes nothing" {
  start_api
  "$tunnel" edge token make --store edge.db --label ci -o ci
  export -f hold
  start holder bash -c "hold $("$tunnel" edge token list --store edge.db --json | grep '"ci"' | jq -r .id)"
  wait_for holder.out held
  start change curl -sS -w ' %{http_code}' -H "Authorization: Bearer $(cat ci)" -H 'Content-Type: application/json' -d '{"name":"a"}' "$base"
  within "$wait_s" is_asked
  is_running change
  ask GET '' .success # who only looks does not wait
  touch go
  ended change
  [[ $(cat change.out) = *'"code":10000'*' 401' ]]
  [ "$(ask GET '' .result)" = '[]' ]
  [ "$(keys tunnel/)" = 0 ]
}

@test "store: a revoked token is refused by the time that the command has ended, and a new one is taken" {
  start_api
  for i in 1 2 3 4 5; do
    "$tunnel" edge token make --store edge.db --label "t$i" -o "t$i"
    as=t$i works
    "$tunnel" edge token revoke --store edge.db "$("$tunnel" edge token list --store edge.db --json | grep "\"t$i\"" | jq -r .id)"
    as=t$i works_not
  done
}

@test "store: a change that is on its way when the edge is told to stop is answered, and found again" {
  start_slow
  slow_disk 1000
  start last curl -sS -w ' %{http_code}' -H "Authorization: Bearer $(cat token)" -H 'Content-Type: application/json' -d '{"name":"last"}' "$base"
  within "$wait_s" is_asked
  signal edge TERM
  ended last
  [[ $(cat last.out) = *'"name":"last"'*' 200' ]]
  ended edge
  [ "$exit_status" = 0 ]
  rm slow
  start_api
  [ "$(ask GET '' '[.result[].name]')" = '["last"]' ]
}

# Its connection is there, and its request, which is logged when it is answered, with it.
is_asked() {
  metric_is "$edge_metrics" outbore_api_connections 1
}

@test "store: the API answers while the edge drains, and ends with it" {
  start_origin
  start_api
  create web
  zone=$(zone_of)
  route "$id" '{"type":"dns","user_hostname":"web.example.com"}'
  start connector "$tunnel" run --token-file web.token --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 \
    --url "http://127.0.0.1:$origin_port"
  wait_for connector.err 'registered tunnel connection'
  start reader curl -sS -N -H 'Host: web.example.com' "http://$edge_http/step?n=2&id=held"
  within "$wait_s" test -s reader.out
  signal edge TERM
  wait_for edge.err draining
  [ "$(ask GET "/$id/connections" '.result | length')" = 1 ]
  ask PATCH "/$id" .result.name -d '{"name":"renamed"}'
  let_end held 2
  ended reader
  [ "$(grep -c data reader.out)" = 2 ]
  ended edge
  [ "$exit_status" = 0 ]
  run -7 curl -s "http://$api/"
}

@test "store: a previous secret is gone from the disk when its window has ended, also when that was while the edge was down" {
  start_api
  create demo
  old=$(sealed "$id" current)
  [ -n "$old" ]
  window() { echo "{\"tunnel_secret\":\"$(secret)\",\"previous_tunnel_secret_expires_at\":\"$(date -u -d "+$1 seconds" +%FT%TZ)\"}"; }
  ask PATCH "/$id" .result.tunnel_secret_version -d "$(window 3)"
  [ "$(sealed "$id" previous)" = "$old" ]
  within "$wait_s" has_no_trace "$old"
  [ "$(sealed "$id" previous)" = '' ]
  old=$(sealed "$id" current)
  ask PATCH "/$id" .result.tunnel_secret_version -d "$(window 2)"
  signal edge KILL
  ended edge
  [ "$(sealed "$id" previous)" = "$old" ]
  start_api
  within "$wait_s" has_no_trace "$old"
  [ "$(ask GET "/$id" .result.tunnel_secret_version)" = 3 ]
  old=$(sealed "$id" current)
  ask DELETE "/$id" .success
  has_no_trace "$old" # at once
}

has_no_trace() {
  [ -z "$(raw_store "$1")" ]
}

@test "store: tunnels deleted long ago, old configurations and old audit records are forgotten" {
  start_api --keep-configs 2
  create demo '"config_src":"cloudflare"'
  for i in 1 2 3 4; do
    ask PUT "/$id/configurations" .result.version -d "{\"config\":{\"ingress\":[{\"service\":\"http_status:41$i\"}]}}"
  done
  [ "$(keys config/)" = 2 ]
  ask DELETE "/$id" .success
  [ "$(ask GET '?is_deleted=true' .result_info.count)" = 1 ]
  [ "$(keys audit/)" = 6 ]
  stop edge
  python3 - <<'PY' # two of them are of long ago
import sqlite3
d = sqlite3.connect("edge.db")
for (key,) in d.execute("SELECT key FROM record WHERE key GLOB 'audit/*' ORDER BY key LIMIT 2").fetchall():
    d.execute("UPDATE record SET key = ? WHERE key = ?", ("audit/000000" + key[12:], key))
d.commit()
PY
  start_api --keep-deleted 1s
  within "$wait_s" has_keys tunnel/ 0
  [ "$(keys config/)" = 0 ]
  [ "$(keys audit/)" = 4 ]
  refused 404 1003 GET "/$id"
}

@test "store: since when a tunnel has, or has not, its connections is known after a restart and after a crash" {
  start_api
  create never
  never=$id
  create down
  connect connector down.token
  stop connector
  within "$wait_s" is_down
  down=$(ask GET "/$id" '.result | [.status, .conns_active_at, .conns_inactive_at]')
  stop edge
  start_api
  [ "$(ask GET "/$id" '.result | [.status, .conns_active_at, .conns_inactive_at]')" = "$down" ]
  [ "$(ask GET "/$never" '.result | [.status, .conns_active_at, .conns_inactive_at == .created_at]')" = '["inactive",null,true]' ]
  connect connector down.token
  [ "$(ask GET "/$id" '.result | [.status, .conns_inactive_at]')" = '["healthy",null]' ]
  since=$(ask GET "/$id" .result.conns_active_at)
  within "$wait_s" is_written # it was at rest for as long as that takes
  signal edge KILL
  ended edge
  stop connector KILL
  restart=$(date -u +%FT%T)
  start_api
  [ "$(ask GET "/$id" .result.status)" = down ]
  [[ $(ask GET "/$id" .result.conns_inactive_at) > $restart ]]
  [ "$since" != null ]
}

is_down() {
  [ "$(ask GET "/$id" .result.status)" = down ]
}

is_written() {
  [ "$(stored "seen/$id" '.active_at > .inactive_at')" = true ]
}

@test "store: an edge without the API keeps its store in order too" {
  start_api
  create demo
  ask DELETE "/$id" .success
  stop edge
  start_edge --store edge.db --keep-deleted 1s
  within "$wait_s" has_keys tunnel/ 0
}

@test "store: tunnel edge audit tells who changed what, of one tunnel and of a time, also while the edge runs" {
  start_api
  create home
  ask PATCH "/$id" .result.tunnel_secret_version -d "{\"tunnel_secret\":\"$(secret)\"}"
  home=$id
  create other
  "$tunnel" edge token make --store edge.db --label 'for ci' -o ci
  as=ci ask DELETE "/$id/connections" .success
  as=ci ask DELETE "/$id" .success
  audit=("$tunnel" edge audit --store edge.db)
  run -0 --separate-stderr "${audit[@]}"
  [ "${#lines[@]}" = 5 ]
  [[ ${lines[3]} = *" cleanup "*" connections" ]]
  [[ ${lines[0]} =~ ^20[0-9-]+T[0-9:]+Z\ \ create\ +$home\ \ home\ +by\ [0-9a-f]{12}\ \ from\ 127.0.0.1\ \ name\ tunnel_secret\ config_src$ ]]
  [[ ${lines[1]} = *" edit "*" tunnel_secret 1 -> 2" ]]
  [[ ${lines[4]} = *" delete "*' other '*" (for ci) "*" deleted_at" ]]
  run -0 "${audit[@]}" --tunnel home
  [ "${#lines[@]}" = 2 ]
  run -0 "${audit[@]}" --tunnel "$home" --until 1h
  [ -z "$output" ]
  run -0 "${audit[@]}" --since 1h --until 2999-01-01T00:00:00Z --json
  [ "${#lines[@]}" = 5 ]
  are_records tunnel <<<"$output"
  [ "$(jq -c '[.kind, .event, .target.tunnel == "'"$home"'", .tunnel.action, .tunnel.fields, .tunnel.version_after]' <<<"${lines[1]}")" = \
    '["event","audit",true,"edit",["tunnel_secret"],2]' ]
  run -0 "${audit[@]}" --since 2999-01-01T00:00:00Z
  [ -z "$output" ]
  run -2 "${audit[@]}" --since yesterday
  [[ $output = *'--since yesterday: neither a time'* ]]
  run -2 "$tunnel" edge audit
  run -3 "$tunnel" edge audit --store none.db
  [[ $output = *'store none.db: No such file'* ]]
  [ ! -e none.db ]
}
