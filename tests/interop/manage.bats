#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# cloudflared's management commands against our API, beside our own commands on the same edge: they are to print the same.
# Run by run.sh, with CONNECTOR naming which cloudflared.

load ../lib

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$BATS_TEST_TMPDIR/home
  mkdir -p "$HOME/.cloudflared"
  binary=$CLOUDFLARED
  [[ $CONNECTOR != *-old ]] || binary=$CLOUDFLARED_OLD
  connecting=("$binary" tunnel --no-autoupdate --protocol http2)
  [[ $CONNECTOR = *-old ]] || connecting+=(--no-prechecks)
}

teardown() {
  stop_all
}

# start_managed [OPTION...]: an edge with an API, and cert.pem for it.
start_managed() {
  "$tunnel" edge cert --store edge.db -o "$HOME/.cloudflared/cert.pem"
  start_edge --store edge.db --api 127.0.0.1:0 "$@"
  TUNNEL_API_URL=http://$(edge_address api)/client/v4
  export TUNNEL_API_URL
}

# theirs ARGUMENT...: cloudflared tunnel.
theirs() {
  timeout 60 "$binary" tunnel "$@"
}

# same ARGUMENT...: both print the same on stdout, each in its own name, and end well or not alike.
same() {
  local theirs=0 ours=0
  theirs "$@" >theirs.out 2>theirs.err || theirs=$?
  timeout 60 "$tunnel" "$@" >ours.out 2>ours.err || ours=$?
  sed -i 's/cloudflared tunnel/tunnel/' theirs.out
  diff -u theirs.out ours.out || fail_with "$*: $(cat theirs.err ours.err)"
  (((theirs == 0) == (ours == 0))) || fail_with "$*: $theirs and $ours: $(cat theirs.err ours.err)"
}

# refuses TEXT ARGUMENT...: cloudflared ends with an error that has it, and ours too.
refuses() {
  run ! theirs "${@:2}"
  [[ $output == *"$1"* ]] || fail_with "theirs: $output"
  run ! timeout 60 "$tunnel" "${@:2}"
  [[ $output == *"$1"* ]] || fail_with "ours: $output"
}

id_of() {
  "$tunnel" list --json --name "$1" | jq -r .tunnel.id
}

# connect NAME KIND TUNNEL: a connector, ours or theirs, with two connections.
connect() {
  local options=(--edge "$edge_tunnel" --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 --hello-world)
  if [[ $2 = ours ]]; then
    start "$1" "$tunnel" "${options[@]}" run "$3"
  else
    start "$1" "${connecting[@]}" "${options[@]}" run "$3"
  fi
  wait_registered "$1" 2
}

# connectors TUNNEL: their ids, a line each, in the order in which they started.
connectors() {
  "$tunnel" info --json "$1" | jq -r '.tunnel.connectors[] | select(any(.connections[]; .pending | not)).id'
}

# Asked again and again by `within`: the API takes ten requests a second from a token.
ask_slowly() {
  sleep 0.3
}

has_connectors() {
  ask_slowly
  (($(connectors "$1" | wc -l) == $2))
}

# opened TUNNEL ID: when the newest connection of that connector was opened.
opened() {
  "$tunnel" info --json "$1" | jq -r --arg id "$2" '[.tunnel.connectors[] | select(.id == $id).connections[].opened_at] | max'
}

opened_after() {
  local now
  ask_slowly
  now=$(opened "$1" "$2")
  [[ $now > $3 && $now != null ]]
}

# bats test_tags=interop
@test "cloudflared: creates tunnels, and lists them over several pages as ours does" {
  start_managed
  for name in alpha beta gamma delta; do
    run -0 --separate-stderr theirs create "$name"
    id=$(id_of "$name")
    [ "${lines[0]}" = "Tunnel credentials written to $HOME/.cloudflared/$id.json. cloudflared chose this file based on where your origin certificate was found. Keep this file secret. To revoke these credentials, delete the tunnel." ]
    [ "${lines[1]}" = "Created tunnel $name with id $id" ]
    [ "$(jq -r .TunnelID "$HOME/.cloudflared/$id.json")" = "$id" ]
  done
  "$tunnel" create epsilon
  same list
  [ "$(wc -l <ours.out)" = 7 ]
  same --max-fetch-size 2 list
  [ "$(wc -l <ours.out)" = 7 ]
  for options in '-o json' '-o yaml' '-np al' '-enp al' '-n beta -o json' '--sort-by id --invert-sort' \
    '-n nosuch'; do
    # shellcheck disable=SC2086 # options
    same list $options
  done
  refuses already create alpha # "tunnel with name already exists", "You already have a tunnel with this name"
}

# bats test_tags=interop
@test "cloudflared: shows a tunnel with two connectors, and none, as ours does" {
  start_managed
  theirs create web
  same info web
  [[ $(cat ours.out) == *"does not have any active connection"* ]]
  connect one theirs web
  connect two ours web
  within "$wait_s" has_connectors web 2
  same info web
  [ "$(grep -c 2xLOC ours.out)" = 2 ]
  same info -o json web
  same info -o yaml web
  same list
  refuses 'Tunnel not found' info 22222222-2222-4222-8222-222222222222
  refuses 'nosuch is neither the ID nor the name of any of your tunnels' info nosuch
}

# bats test_tags=interop
@test "cloudflared: prints the token, and runs with the credentials that it holds" {
  start_managed
  "$tunnel" create web
  "$tunnel" route dns web web.example.com
  same token web
  rm "$HOME"/.cloudflared/*.json
  theirs token --cred-file theirs.json web
  "$tunnel" token --cred-file ours.json web
  [ "$(jq -cS 'del(.Endpoint)' theirs.json)" = "$(jq -cS . ours.json)" ]
  [ "$(stat -c %a ours.json)" = 400 ]
  start connector "${connecting[@]}" --edge "$edge_tunnel" \
    --cacert "$cacert" --metrics 127.0.0.1:0 --hello-world run --credentials-file theirs.json "$(id_of web)"
  wait_registered connector 1
  curl -sf -H 'Host: web.example.com' "http://$edge_http/" -o page
  [ -s page ]
  refuses 'get tunnel token' token 22222222-2222-4222-8222-222222222222
}

# bats test_tags=interop
@test "cloudflared: routes a name: new, unchanged, taken, forced" {
  start_managed
  theirs create one
  theirs create two
  for who in theirs ours; do
    route=(theirs route dns)
    [[ $who = theirs ]] || route=(timeout 60 "$tunnel" route dns)
    run -0 "${route[@]}" one "$who.example.com"
    [[ $output == *"Added CNAME $who.example.com which will route to this tunnel tunnelID=$(id_of one)"* ]]
    run -0 "${route[@]}" one "$who.example.com"
    [[ $output == *"$who.example.com is already configured to route to your tunnel"* ]]
    refuses 'An A, AAAA, or CNAME record with that host already exists.' route dns two "$who.example.com"
    run -0 "${route[@]}" -f two "$who.example.com"
    [[ $output == *"$who.example.com updated to route to your tunnel"* ]]
  done
  connect connector theirs two
  curl -sf -H 'Host: ours.example.com' "http://$edge_http/" -o page
  [ -s page ]
  run -0 theirs route lb two lb.example.com pool1
  [[ $output == *"lb.example.com"*"pool1"* && $output != *"Something went wrong"* ]]
  run -0 "$tunnel" route lb two lb.example.com pool1
  [[ $output == *"Load balancer lb.example.com already uses pool pool1 which has this tunnel as an origin"* ]]
}

# bats test_tags=interop
@test "cloudflared: cleans up the connections of one connector, or all, which come back" {
  start_managed
  theirs create web
  connect one theirs web
  connect two ours web
  within "$wait_s" has_connectors web 2
  mapfile -t ids < <(connectors web)
  theirs=$(opened web "${ids[0]}") ours=$(opened web "${ids[1]}")
  theirs cleanup --connector-id "${ids[1]}" web
  within "$wait_s" opened_after web "${ids[1]}" "$ours"
  [ "$(opened web "${ids[0]}")" = "$theirs" ]
  ours=$(opened web "${ids[1]}")
  theirs cleanup web
  within "$wait_s" opened_after web "${ids[1]}" "$ours"
  # cloudflared waits for up to 20 s before it connects again, and twice as long each further time.
  within 120 opened_after web "${ids[0]}" "$theirs"
}

# bats test_tags=interop
@test "cloudflared: deletes a tunnel, one with connections by force alone" {
  start_managed
  theirs create idle
  theirs create busy
  id=$(id_of busy)
  theirs delete idle
  [ "$(find "$HOME/.cloudflared" -name '*.json' | wc -l)" = 1 ]
  connect connector theirs busy
  refuses 'code: 1022, reason: Cannot delete tunnel because it has active connections' delete busy
  theirs delete -f busy
  [ "$(find "$HOME/.cloudflared" -name '*.json' | wc -l)" = 0 ]
  same list
  [[ $(cat ours.out) == 'No tunnels were found'* ]]
  refuses "$id has already been deleted" delete "$id"
  wait_for edge.err 'refused'
  stop connector
}

# bats test_tags=interop
@test "cloudflared: an API that does not know its token refuses it by code and reason" {
  start_managed
  base64 -w 64 <<<'{"zoneID":"z","accountID":"0123456789abcdef0123456789abcdef","apiToken":"wrong"}' |
    sed '1i -----BEGIN ARGO TUNNEL TOKEN-----
$a -----END ARGO TUNNEL TOKEN-----' >"$HOME/.cloudflared/cert.pem"
  refuses 'code: 10000, reason: Authentication error' create web
  run ! theirs list
}

# restarter NAME ID: a script that ends the cloudflared of that name and starts it again with the same file. While a
# WebSocket is open 2026.7.1 does not end by itself when its grace period is over; like systemd, this does not wait.
restarter() {
  cat >"restart-$1" <<EOF
#!/bin/bash
set -e
cd "$PWD"
pid=\$(cat $1.pid)
kill -TERM "\$pid"
deadline=\$((SECONDS + 5))
while ((SECONDS < deadline)) && kill -0 "\$pid" 2>/dev/null && [[ \$(sed 's/.*) //' "/proc/\$pid/stat" 2>/dev/null) != Z* ]]; do sleep 0.1; done
kill -KILL "\$pid" 2>/dev/null || true
rm -f "$1.pidfile"
HOME=$HOME setsid ${connecting[*]@Q} --edge $edge_tunnel \
  --edge $edge_tunnel --cacert "$cacert" --metrics 127.0.0.1:0 --grace-period 2s --pidfile $1.pidfile \
  --url "http://127.0.0.1:$origin_port" run --credentials-file "$PWD/$1.json" $2 </dev/null >>"$1.out" 2>>"$1.err" &
echo \$! >$1.pid
until [[ -s $1.pidfile ]]; do sleep 0.1; done
EOF
  chmod +x "restart-$1"
}

# bats test_tags=interop
@test "cloudflared: replicas restarted one by one while their secret is rotated lose no short request" {
  start_origin
  start_managed
  theirs create web
  id=$(id_of web)
  "$tunnel" route dns web load.test
  for name in a b; do
    cp "$HOME/.cloudflared/$id.json" "$name.json"
    chmod 600 "$name.json"
    : >"$name.err"
    restarter "$name" "$id"
    sleep 60 3>&- &
    echo $! >"$name.pid" # the first one that is ended
    "./restart-$name" 3>&-
  done
  within "$wait_s" has_connectors web 2
  for visitor in 1 2 3 4; do
    # shellcheck disable=SC2016 # for that shell
    start "visitor$visitor" bash -c 'trap "exit 0" TERM; while :; do
      curl -s -m 20 -o /dev/null -H "Host: load.test" -w "%{http_code}\n" "http://$0/bytes?n=100" || true; done' "$edge_http"
    wait_for "visitor$visitor.out" '^200'
  done
  for round in 1 2; do
    run -0 timeout 100 "${tunnel%/*}/credrotate" rotate --tunnel web --cert "$HOME/.cloudflared/cert.pem" --state-dir state \
      --audit audit.log --stable 300ms --preflight-watch 200ms --min-connection-age 0s \
      --target "file:$PWD/a.json,signal=exec,cmd=$PWD/restart-a" --target "file:$PWD/b.json,signal=exec,cmd=$PWD/restart-b"
  done
  for visitor in 1 2 3 4; do
    stop "visitor$visitor"
  done
  [ "$("$tunnel" list --json -n web | jq .tunnel.secret_version)" = 3 ]
  [ "$(cat visitor?.out | sort | uniq -c | sort -rn | sed 's/^ *[0-9]* //')" = 200 ] ||
    fail_with "answers: $(cat visitor?.out | sort | uniq -c)"
  (($(cat visitor?.out | wc -l) > 200))
}

# bats test_tags=interop
@test "cloudflared: gets a quick tunnel, on a name below the operator's own" {
  start_managed --quick-domain try.example --public-port 8443
  api=${TUNNEL_API_URL%/client/v4}
  start quick "${connecting[@]}" --config /dev/null --edge "$edge_tunnel" \
    --cacert "$cacert" --metrics 127.0.0.1:0 --quick-service "$api" --hello-world
  wait_registered quick 1
  name=$(grep -o 'https://[a-z0-9-]*\.try\.example:8443' quick.err | head -n 1)
  name=${name#https://}
  curl -sf -H "Host: ${name%:*}" "http://$edge_http/" -o page
  [ -s page ]
  run -0 "$tunnel" list
  [[ $output == 'No tunnels were found'* ]]
}

# bats test_tags=interop
@test "cloudflared: serves the configuration that config put sends, and it is told in config get" {
  start_managed
  theirs create web
  curl -sf -X POST -H "Authorization: Bearer $(sed '1d; $d' "$HOME/.cloudflared/cert.pem" | base64 -d | jq -r .apiToken)" \
    -H 'Content-Type: application/json' -d '{"name": "remote", "config_src": "cloudflare"}' \
    "$TUNNEL_API_URL/accounts/$(jq -r .AccountTag "$HOME"/.cloudflared/*.json)/cfd_tunnel" >made.json
  "$tunnel" token remote >remote.token
  "$tunnel" route dns remote app.example.com
  echo '{"ingress": [{"service": "http_status:418"}]}' | "$tunnel" config put remote - | jq -e '.version == 1'
  start connector "${connecting[@]}" --edge "$edge_tunnel" \
    --cacert "$cacert" --metrics 127.0.0.1:0 run --token "$(cat remote.token)"
  wait_registered connector 1
  within "$wait_s" answers 418
  "$tunnel" config get remote | jq 'del(.config) | .version' | grep -qx 1
  "$tunnel" config get remote | sed 's/418/404/' >changed.json
  "$tunnel" config put remote changed.json | jq -e '.version == 2'
  within "$wait_s" answers 404
  run ! timeout 60 "$tunnel" config put web changed.json
  [[ $output == *'code: 1057'* ]]
}

answers() {
  [[ $(curl -s -o /dev/null -w '%{http_code}' -H 'Host: app.example.com' "http://$edge_http/x") = "$1" ]]
}
