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
    # shellcheck disable=SC2086 # empty is no word
    start "$1" "$binary" tunnel --no-autoupdate --protocol http2 ${prechecks---no-prechecks} "${options[@]}" run "$3"
  fi
  wait_registered "$1" 2
}

# connectors TUNNEL: their ids, a line each, in the order in which they started.
connectors() {
  "$tunnel" info --json "$1" | jq -r '.tunnel.connectors[] | select(any(.connections[]; .pending | not)).id'
}

has_connectors() {
  (($(connectors "$1" | wc -l) == $2))
}

# opened TUNNEL ID: when the newest connection of that connector was opened.
opened() {
  "$tunnel" info --json "$1" | jq -r --arg id "$2" '[.tunnel.connectors[] | select(.id == $id).connections[].opened_at] | max'
}

opened_after() {
  [[ $(opened "$1" "$2") > $3 && $(opened "$1" "$2") != null ]]
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
  # shellcheck disable=SC2086 # empty is no word
  start connector "$binary" tunnel --no-autoupdate --protocol http2 ${prechecks---no-prechecks} --edge "$edge_tunnel" \
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
  before=$(opened web "${ids[0]}") other=$(opened web "${ids[1]}")
  theirs cleanup --connector-id "${ids[0]}" web
  within "$wait_s" opened_after web "${ids[0]}" "$before"
  [ "$(opened web "${ids[1]}")" = "$other" ]
  before=$(opened web "${ids[0]}")
  theirs cleanup web
  within "$wait_s" opened_after web "${ids[0]}" "$before"
  within "$wait_s" opened_after web "${ids[1]}" "$other"
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
