#!/usr/bin/env bats
# The management API of the edge, with curl and with real connectors.

load lib
load api

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  stop_all
}

@test "api: the vectors of its design and of the schema" {
  start_api
  create connected
  connect connector connected.token
  client=$(ask GET "/$id/connections" '.result[0].id')
  for name in b c d; do "$tunnel" edge token make --store edge.db -o $name; done
  run -0 "$peers/api_vectors.py" "$api" "$id" "$client" token b c d
  [ "${lines[-1]}" = 'vectors 27' ]
}

@test "api: who asks without a good token, for another account or beyond his rights is refused" {
  start_api
  create demo
  for auth in '' 'Bearer wrong' "Basic $(cat token)" 'Bearer' "$(cat token)" "Bearer $(cat token)x"; do
    refused 401 10000 GET ''
  done
  unset auth
  refused 401 10000 GET '' -H "Authorization: Bearer $(cat token)" # twice
  refused 403 10000 GET "http://$api/client/v4/accounts/ffffffffffffffffffffffffffffffff/cfd_tunnel"
  refused 403 10000 PUT "http://$api/client/v4/zones/ffffffffffffffffffffffffffffffff/tunnels/$id/routes" -d '{}'
  "$tunnel" edge token make --store edge.db --read-only -o reader
  as=reader
  refused 403 10000 GET "/$id/token"
  refused 403 10000 POST '' -d '{"name":"a"}'
  refused 403 10000 PATCH "/$id" -d '{"name":"a"}'
  refused 403 10000 DELETE "/$id"
  refused 403 10000 DELETE "/$id/connections"
  ask GET "/$id" .result.name
}

@test "api: bodies that are no good are refused and change nothing" {
  start_api
  create demo
  refused 400 1001 POST '' -d '{"name":'
  refused 400 1001 POST '' -d '[]'
  refused 400 1001 POST '' -d ''
  refused 400 1001 POST '' -d '{"name":"a","name":"b"}'
  refused 400 1001 POST '' -d '{"name":5}'
  for type in '' text/plain application/x-www-form-urlencoded application/jsonx; do
    refused 400 1001 POST '' -d '{"name":"a"}'
  done
  unset type
  refused 400 1001 POST '' -d '{"name":"a"}' -H 'Content-Type: application/json' # twice
  refused 400 1001 POST '' -d "{\"name\":\"a\",\"x\":$(printf '[%.0s' {1..200})$(printf ']%.0s' {1..200})}"
  refused 400 1002 POST '' -d '{}'
  refused 400 1002 POST '' -d '{"name":""}'
  refused 400 1002 POST '' -d '{"name":"a","tunnel_secret":"QUFB"}'
  refused 400 1002 PATCH "/$id" -d '{}'
  refused 400 1002 PATCH "/$id" -d "{\"tunnel_secret\":\"$(secret)\",\"previous_tunnel_secret_expires_at\":\"$(date -u -d '+25 hours' +%FT%TZ)\"}"
  refused 409 1013 POST '' -d '{"name":"demo"}'
  refused 400 1002 GET '?per_page=0'
  refused 400 1002 GET '?per_page=1001'
  refused 400 1002 GET '?page=x'
  refused 400 1002 GET '?existed_at=yesterday'
  refused 400 1002 GET '?uuid=1'
  [ "$(ask GET '' '[.result_info.total_count, .result[0].tunnel_secret_version]')" = '[1,1]' ]
}

@test "api: sizes are bounded, by length and in chunks, and the connection ends" {
  start_api
  head -c 16500 /dev/zero | tr '\0' ' ' >large
  refused 413 10413 POST '' --data-binary @large
  refused 413 10413 POST '' --data-binary @large -H 'Transfer-Encoding: chunked'
  create remote '"config_src":"cloudflare"'
  head -c 1100000 /dev/zero | tr '\0' ' ' >huge
  refused 413 10413 PUT "/$id/configurations" --data-binary @huge
  refused 400 1001 PUT "/$id/configurations" --data-binary @large # small enough there, and no JSON
  run -0 curl -sS -o /dev/null -w '%{http_code}' "http://$api/$(head -c 17000 /dev/zero | tr '\0' a)"
  [[ $output = 4[0-9][0-9] ]]
  ask GET '' .success
}

@test "api: paths and texts with tricks are texts, and paths" {
  start_api
  create "a'; DROP TABLE record; --"
  [ "$(ask GET "?name=a%27%3B+DROP+TABLE+record%3B+--" .result_info.count)" = 1 ]
  [ "$(ask GET "?name=%27+OR+1%3D1" .result_info.count)" = 0 ]
  [ "$(ask GET '?name=%zz' .result_info.count)" = 0 ]
  [ "$(ask GET '?name=a%00' .result_info.count)" = 0 ]
  for path in '/..' '/../cfd_tunnel' "/$id/" "//$id" '/%2e%2e' "/$id/token/" "/$id'" "/$id%00" '/11111111' \
    "/{$id}" "/$id/connections/x" "/$id/connectors" "/$id/management" "/$id/management/logs"; do
    refused 404 7003 GET "$path" --path-as-is -g
  done
  refused 404 7003 POST "/$id/management" -d '{"resources":["logs"]}'
  refused 404 7003 GET "http://$api/client/v4/accounts/$account/teamnet/routes"
  refused 404 7003 GET "http://$api/etc/passwd"
  refused 404 7003 GET "http://$api/"
  refused 405 10405 PUT "/$id" -d '{}'
  [ "$(ask GET "/${id^^}" .result.id)" = "$id" ]
}

@test "api: filters and pages" {
  start_api
  for name in aa ab ba; do create "$name"; done
  ask DELETE "/$id" .success
  [ "$(ask GET '' '[.result[].name]')" = '["ba","ab","aa"]' ]
  [ "$(ask GET '?is_deleted=false' '[.result[].name]')" = '["ab","aa"]' ]
  [ "$(ask GET '?is_deleted=true' '[.result[].name]')" = '["ba"]' ]
  [ "$(ask GET "?uuid=$id" '[.result[].name]')" = '["ba"]' ]
  [ "$(ask GET "?uuid=$id&is_deleted=false" .result)" = '[]' ]
  [ "$(ask GET '?name_prefix=a&exclude_prefix=ab' '[.result[].name]')" = '["aa"]' ]
  [ "$(ask GET '?include_prefix=b' '[.result[].name]')" = '["ba"]' ]
  [ "$(ask GET '?existed_at=2001-01-01T00:00:00Z' .result)" = '[]' ]
  [ "$(ask GET "?existed_at=$(in_an_hour)" '[.result[].name]')" = '["ab","aa"]' ]
  [ "$(ask GET '?per_page=2' '[.result_info[]]')" = '[1,2,2,3,2]' ]
  [ "$(ask GET '?per_page=2&page=2' '[.result_info[]]')" = '[2,2,1,3,2]' ]
  [ "$(ask GET '?per_page=2&page=3' '[.result, .result_info.count]')" = '[[],0]' ]
  create ba # a deleted tunnel's name is free
}

@test "api: a new secret ends the old one at once, and connections stay" {
  start_api
  create demo
  connect first demo.token
  ask PATCH "/$id" .result.token -d "{\"tunnel_secret\":\"$(secret)\"}" >new.token # not the file that the first one watches
  [ "$(ask GET "/$id" '[.result.tunnel_secret_version, .result.previous_tunnel_secret_expires_at]')" = '[2,null]' ]
  launch thief demo.token
  wait_for thief.err 'Unauthorized: Invalid tunnel secret'
  connect second new.token
  [ "$(ask GET "/$id/connections" '[.result[].conns[].tunnel_secret_version]')" = '[1,2]' ]
  is_running first
}

@test "api: with a window both secrets register until it is closed, and a secret set again changes nothing" {
  start_api
  create demo
  cp demo.token old.token
  new=$(secret)
  until=$(in_an_hour)
  body="{\"tunnel_secret\":\"$new\",\"previous_tunnel_secret_expires_at\":\"$until\"}"
  [ "$(ask PATCH "/$id" '[.result.tunnel_secret_version, .result.previous_tunnel_secret_expires_at]' -d "$body")" = "[2,\"$until\"]" ]
  jq -r .result.token answer.json >new.token
  [ "$(ask PATCH "/$id" .result.tunnel_secret_version -d "$body")" = 2 ]
  connect old old.token
  connect new new.token
  [ "$(ask GET "/$id/connections" '[.result[].conns[].tunnel_secret_version] | sort')" = '[1,2]' ]
  end='{"previous_tunnel_secret_expires_at":"1970-01-01T00:00:00Z"}'
  [ "$(ask PATCH "/$id" .result.previous_tunnel_secret_expires_at -d "$end")" = null ]
  [ "$(ask PATCH "/$id" .result.tunnel_secret_version -d "$end")" = 2 ]
  grep -q 'connections stay that registered with a secret which is not valid any more' edge.err
  launch late old.token
  wait_for late.err 'Unauthorized: Invalid tunnel secret'
}

@test "api: the previous secret set again is a rollback, and a third one drops the oldest" {
  start_api
  create demo
  cp demo.token first.token
  first=$(jq -Rr '@base64d | fromjson.s' demo.token)
  until=$(in_an_hour)
  patch() { ask PATCH "/$id" .result.tunnel_secret_version -d "{\"tunnel_secret\":\"$1\",\"previous_tunnel_secret_expires_at\":\"$until\"}"; }
  second=$(secret)
  [ "$(patch "$second")" = 2 ]
  [ "$(patch "$first")" = 3 ]
  [ "$(ask GET "/$id/token" .result)" = "$(cat first.token)" ]
  [ "$(patch "$(secret)")" = 4 ]
  connect kept first.token
  [ "$(patch "$(secret)")" = 5 ]
  launch dropped first.token
  wait_for dropped.err 'Unauthorized: Invalid tunnel secret'
}

@test "api: a window closes by itself" {
  start_api
  create demo
  connect early demo.token
  body="{\"tunnel_secret\":\"$(secret)\",\"previous_tunnel_secret_expires_at\":\"$(date -u -d '+2 seconds' +%FT%TZ)\"}"
  ask PATCH "/$id" .result.previous_tunnel_secret_expires_at -d "$body"
  within "$wait_s" window_is_closed
  wait_for edge.err 'connections stay that registered with a secret which is not valid any more.*connections=1'
  is_running early
  launch late demo.token
  wait_for late.err 'Unauthorized: Invalid tunnel secret'
}

window_is_closed() {
  [ "$(ask GET "/$id" .result.previous_tunnel_secret_expires_at)" = null ]
}

@test "api: --official-only shows no versions and knows no window" {
  start_api --official-only
  create demo
  cp demo.token old.token
  [ "$(ask PATCH "/$id" '.result | has("tunnel_secret_version")' \
    -d "{\"tunnel_secret\":\"$(secret)\",\"previous_tunnel_secret_expires_at\":\"$(in_an_hour)\"}")" = false ]
  refused 400 1002 PATCH "/$id" -d "{\"previous_tunnel_secret_expires_at\":\"$(in_an_hour)\"}"
  launch late old.token
  wait_for late.err 'Unauthorized: Invalid tunnel secret'
}

@test "api: closed connections get nothing new, their requests end whole, and their connector comes back" {
  start_origin
  start_api
  create slow
  zone=$(zone_of)
  route "$id" '{"type":"dns","user_hostname":"slow.example.com"}'
  start connector "$tunnel" run --token-file slow.token --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 \
    --url "http://127.0.0.1:$origin_port"
  wait_for connector.err 'registered tunnel connection'
  start reader curl -sS -N -H 'Host: slow.example.com' "http://$edge_http/step?n=2&id=held"
  within "$wait_s" test -s reader.out
  before=$(ask GET "/$id/connections" '.result[0].conns[0].id')
  [ "$(ask DELETE "/$id/connections" .result)" = null ]
  [ "$(ask GET "/$id/connections" .result)" = '[]' ]
  is_running reader # though its connection has gone from the list
  [ "$(host_status slow.example.com)" = 530 ]
  let_end held 2
  ended reader
  [ "$exit_status" = 0 ]
  [ "$(grep -c data reader.out)" = 2 ]
  within "$wait_s" another_connection
}

another_connection() {
  local now
  now=$(ask GET "/$id/connections" '[.result[].conns[].id]')
  [[ $now != '[]' && $now != *"$before"* ]]
}

@test "api: host names are routed, taken over, shared and given up with their tunnel" {
  start_api --domain example.com
  zone=$(zone_of)
  create one
  one=$id
  create two
  two=$id
  connect first one.token
  connect second two.token
  [ "$(route "$one" '{"type":"dns","user_hostname":"App"}' '[.result.cname, .result.name]')" = '["new","app.example.com"]' ]
  [ "$(route "$one" '{"type":"dns","user_hostname":"app.example.com"}' .result.cname)" = unchanged ]
  [ "$(host_status app.example.com)" = 200 ]
  refused 400 1003 PUT "http://$api/client/v4/zones/$zone/tunnels/$two/routes" -d '{"type":"dns","user_hostname":"app.example.com"}'
  [ "$(route "$two" '{"type":"dns","user_hostname":"app.example.com","overwrite_existing":true}' .result.cname)" = updated ]
  [ "$(route "$one" '{"type":"lb","lb_name":"lb.example.com","lb_pool":"p"}')" = '{"load_balancer":"new","pool":"new"}' ]
  [ "$(route "$two" '{"type":"lb","lb_name":"lb.example.com","lb_pool":"p"}')" = '{"load_balancer":"updated","pool":"updated"}' ]
  [ "$(route "$two" '{"type":"dns","user_hostname":"*.wild.example.com"}' .result.cname)" = new ]
  [ "$(host_status a.b.wild.example.com)" = 200 ]
  for name in 'a b' 'a/b' '*' 'a.*.b' '[::1]' 'a:80' ''; do
    refused 400 1002 PUT "http://$api/client/v4/zones/$zone/tunnels/$two/routes" -d "{\"type\":\"dns\",\"user_hostname\":\"$name\"}"
  done
  refused 400 1022 DELETE "/$two"
  ask DELETE "/$two?cascade=true" .result.deleted_at
  [ "$(host_status app.example.com)" = 404 ]
  [ "$(host_status lb.example.com)" = 200 ]
  wait_for second.err 'Unauthorized: Tunnel not found'
  refused 404 1003 DELETE "/$two?cascade=true"
  refused 404 1003 GET "/$two/token"
  refused 404 1003 PATCH "/$two" -d '{"name":"x"}'
}

@test "api: a configuration goes to the connectors that are there and to those that come" {
  start_api
  create remote '"config_src":"cloudflare"'
  zone=$(zone_of)
  route "$id" '{"type":"dns","user_hostname":"a.example.com"}'
  connect first remote.token
  config() { ask PUT "/$id/configurations" .result.version -d "{\"config\":{\"ingress\":[{\"service\":\"http_status:$1\"}]}}"; }
  [ "$(config 418)" = 1 ]
  within "$wait_s" has_versions '[1]'
  [ "$(host_status a.example.com)" = 418 ]
  [ "$(config 419)" = 2 ]
  connect second remote.token
  within "$wait_s" has_versions '[2,2]'
  refused 400 1056 PUT "/$id/configurations" -d '{"config":{"ingress":[]}}'
  refused 400 1056 PUT "/$id/configurations" -d '{"config":{"ingress":[{"service":"http://a/b"}]}}'
  refused 400 1001 PUT "/$id/configurations" -d '{"ingress":[]}'
  [ "$(ask GET "/$id/configurations" '[.result.version, .result.source, .result.config.ingress[0].service]')" = '[2,"cloudflare","http_status:419"]' ]
}

has_versions() {
  [ "$(ask GET "/$id/connections" '[.result[].config_version]')" = "$1" ]
}

@test "api: a connection that is lost is shown for a while, and does not keep its tunnel" {
  start_api
  create demo
  connect connector demo.token
  [ "$(ask GET "/$id" .result.status)" = healthy ]
  signal connector KILL
  within "$wait_s" is_pending
  [ "$(ask GET "/$id" '[.result.status, (.result.conns_inactive_at | type)]')" = '["down","string"]' ]
  client=$(ask GET "/$id/connections" '.result[0].id')
  [ "$(ask GET "/$id/connectors/$client" '.result.conns[0].is_pending_reconnect')" = true ]
  ask DELETE "/$id" .success # pending ones do not count
}

is_pending() {
  [ "$(ask GET "/$id/connections" '[.result[].conns[].is_pending_reconnect]')" = '[true]' ]
}

@test "api: a restart keeps tunnels, secrets, routes, configurations and tokens" {
  start_api
  create demo '"config_src":"cloudflare"'
  zone=$(zone_of)
  route "$id" '{"type":"dns","user_hostname":"a.example.com"}'
  ask PUT "/$id/configurations" .result.version -d '{"config":{"ingress":[{"service":"http_status:418"}]}}'
  cp demo.token old.token
  ask PATCH "/$id" .result.token -d "{\"tunnel_secret\":\"$(secret)\",\"previous_tunnel_secret_expires_at\":\"$(in_an_hour)\"}" >demo.token
  before=$(ask GET "/$id" '.result | del(.conns_inactive_at)')
  stop edge
  [ "$exit_status" = 0 ]
  start_api
  [ "$(ask GET "/$id" '.result | del(.conns_inactive_at)')" = "$before" ]
  [ "$(ask GET "/$id/token" .result)" = "$(cat demo.token)" ]
  connect old old.token
  connect new demo.token
  within "$wait_s" has_versions '[1,1]'
  [ "$(host_status a.example.com)" = 418 ]
}

@test "api: two edges on one store, a store of a newer version, a wrong key: refused clearly" {
  start_api
  edge=("$tunnel" edge --dev dev --listen-http 127.0.0.1:0 --tunnel-listen 127.0.0.1:0 --api 127.0.0.1:0)
  run -3 "${edge[@]}" --store edge.db
  [[ $output = *'another tunnel edge serves it'* ]]
  stop edge
  run -3 "${edge[@]}" --store edge.db --account ffffffffffffffffffffffffffffffff
  [[ $output = *"the store belongs to $account"* ]]
  cp edge.db copy.db
  run -3 "${edge[@]}" --store copy.db
  [[ $output = *'--store-key: copy.db.key: No such file or directory'* ]]
  [ ! -e copy.db.key ] # one that is made now could be taken for the right one
  head -c 32 /dev/urandom >other.key
  chmod 600 other.key
  run -3 "${edge[@]}" --store edge.db --store-key other.key
  [[ $output = *'not the key that this store was made with'* ]]
  chmod 644 other.key
  run -3 "${edge[@]}" --store edge.db --store-key other.key
  [[ $output = *'everybody can read this key'* ]]
  python3 -c 'import sqlite3; d = sqlite3.connect("edge.db"); d.execute("PRAGMA user_version = 99"); d.commit()'
  run -3 "${edge[@]}" --store edge.db
  [[ $output = *'made by a newer outbore'* ]]
  run -3 "${edge[@]}" --store none/edge.db
  [[ $output = *'none/edge.db'* ]]
  run -2 "$tunnel" edge --dev dev --listen-http 127.0.0.1:0 --tunnel-listen 127.0.0.1:0 --store edge.db --api 0.0.0.0:0
  [[ $output = *'needs --api-cert'* ]]
}

@test "api: secrets are in no log and not to be read from the store; hashes alone can be kept" {
  start_api
  create demo
  secret=$(jq -Rr '@base64d | fromjson.s' demo.token)
  ask GET "/$id/token" .result >/dev/null
  ask GET '?name=private-name' .result >/dev/null
  stop edge
  run -1 grep -rlaF -e "$secret" -e "$(cat token)" -e private-name edge.err edge.out edge.db
  python3 - "$secret" <<'EOF'
import base64, sys
secret = base64.b64decode(sys.argv[1])
assert secret not in open("edge.db", "rb").read()
EOF
  [ "$(stat -c %a edge.db edge.db.key edge.db.lock | sort -u)" = 600 ]
  rm -f edge.db* token
  start_api --hashes-only
  [ ! -e edge.db.key ]
  create demo
  refused 404 1003 GET "/$id/token"
  connect connector demo.token
  [ "$(ask PATCH "/$id" '.result | has("token")' -d '{"name":"demo2"}')" = false ]
}

@test "api: tokens are made, listed and revoked while the edge runs" {
  start_api
  "$tunnel" edge token make --store edge.db --label 'for ci' -o ci
  [ "$(stat -c %a ci)" = 600 ]
  as=ci works
  run -0 "$tunnel" edge token list --store edge.db --json
  [ "${#lines[@]}" = 2 ]
  ci=$(grep 'for ci' <<<"$output" | jq -r .id)
  [[ $output != *"$(cat ci)"* ]]
  run -0 "$tunnel" edge token revoke --store edge.db "$ci"
  as=ci works_not
  run -1 "$tunnel" edge token revoke --store edge.db "$ci"
  run -2 "$tunnel" edge token make
  run -2 "$tunnel" edge token
  "$tunnel" edge cert --store edge.db -o cert.pem
  [ "$(stat -c %a cert.pem)" = 600 ]
  [ "$(head -1 cert.pem)" = '-----BEGIN ARGO TUNNEL TOKEN-----' ]
  sed '/^-/d' cert.pem | base64 -d | jq -r .apiToken >fromcert
  as=fromcert works
}

@test "api: a token's label that no record can hold is refused, and makes none" {
  run -2 "$tunnel" edge token make --store edge.db --label $'\xff'
  [[ $output = *'--label: not UTF-8'* ]]
  [ ! -e edge.db ]
  run -2 "$tunnel" edge cert --store edge.db --label $'cut \xe2\x80'
  "$tunnel" edge token make --store edge.db --label $'\u00fcber\n"a"' -o token
  [ "$("$tunnel" edge token list --store edge.db --json | jq -r .label)" = $'\u00fcber\n"a"' ]
}

@test "api: guessing tokens is slowed and logged, and a good token goes on working" {
  start_api
  for i in {1..7}; do
    auth="Bearer guess$i" refused 401 10000 GET ''
  done
  took=$(curl -s -o /dev/null -w '%{time_total}' -H 'Authorization: Bearer guess' "$base")
  awk -v t="$took" 'BEGIN { exit !(t > 0.6) }' # the eighth: three times a quarter of a second
  wait_for edge.err 'somebody is guessing'
  run -1 grep -q guess1 edge.err
  ask GET '' .success
}

@test "api: a token that asks too often is told to wait" {
  start_api
  # One connection for all of them, so that they come fast.
  urls=()
  for i in {1..80}; do urls+=(-o /dev/null "$base"); done
  curl -sS -w '%{http_code} %header{retry-after}\n' -H "Authorization: Bearer $(cat token)" "${urls[@]}" >codes
  (($(grep -c '^200' codes) >= 50))
  grep -q '^429 1' codes
  within "$wait_s" works
}

# ticks: of processor time that the edge has taken.
ticks() {
  awk '{print $14 + $15}' "/proc/$(pid_of edge)/stat"
}

@test "api: ten thousand tunnels are listed in a second" {
  start_api
  create demo
  stop edge
  python3 - <<'EOF'
import json, sqlite3, uuid
d = sqlite3.connect("edge.db")
(text,) = d.execute("SELECT value FROM record WHERE key LIKE 'tunnel/%'").fetchone()
record = json.loads(text)
for i in range(9999):
    record["id"], record["name"] = str(uuid.uuid4()), f"tunnel-{i}"
    record["created_at"] += 1
    d.execute("INSERT INTO record VALUES(?, ?, 1)", ("tunnel/" + record["id"], json.dumps(record).encode()))
    d.execute("INSERT INTO record VALUES(?, ?, 1)", ("name/" + record["name"], record["id"].encode()))
d.commit()
EOF
  start_api
  urls=()
  for page in {1..10}; do urls+=(-o "page$page" "$base?per_page=1000&page=$page"); done
  # The edge's own time: what else the machine does has no say.
  from=$(ticks)
  curl -sSf -H "Authorization: Bearer $(cat token)" "${urls[@]}"
  took=$((($(ticks) - from) * 1000 / $(getconf CLK_TCK)))
  [ "$(jq -r '.result[].id' page* | sort -u | wc -l)" = 10000 ]
  [ "$(jq -c .result_info page10)" = '{"page":10,"per_page":1000,"count":1000,"total_count":10000,"total_pages":10}' ]
  ((took < $(slowly 1000))) || fail_with "$took ms"
  [ "$(ask GET '?name=tunnel-77' .result_info.count)" = 1 ]
}

@test "api: killed in the middle of writing, the edge finds all that it had answered" {
  start_api
  # Several at once, for as long as it lives: each writes down what was answered with 200.
  for writer in 1 2 3; do
    start "writer$writer" bash -c "for ((i = 0; ; i++)); do
      curl -sf -o /dev/null -H 'Authorization: Bearer $(cat token)' -H 'Content-Type: application/json' \
        -d '{\"name\":\"w$writer-'\$i'\"}' '$base' && echo w$writer-\$i || [[ \$? = 22 ]] || exit 0
    done"
  done
  for writer in 1 2 3; do wait_for "writer$writer.out" . 5; done
  signal edge KILL
  ended edge
  for writer in 1 2 3; do ended "writer$writer"; done
  start_api
  ask GET '?per_page=1000' '.result[].name' | sort >there
  sort writer?.out >answered
  (($(wc -l <answered) >= 15))
  run -0 comm -13 there answered
  [ -z "$output" ]
  # At most what was on its way is there besides.
  (($(comm -23 there answered | wc -l) <= 3))
  stop edge
  [ "$(python3 -c 'import sqlite3; print(sqlite3.connect("edge.db").execute("PRAGMA integrity_check").fetchone()[0])')" = ok ]
}

@test "api: on a full disk a change is refused whole, and what was there goes on" {
  mkdir small
  mount -t tmpfs -o size=512k none small 2>/dev/null || skip 'no tmpfs can be mounted here'
  "$tunnel" edge token make --store small/edge.db --account "$account" -o token
  start_edge --store small/edge.db --api 127.0.0.1:0
  api=$(edge_address api) base=http://$(edge_address api)/client/v4/accounts/$account/cfd_tunnel
  create demo
  dd if=/dev/zero of=small/filler bs=1k 2>/dev/null || true
  tries=0
  until request POST '' -d "{\"name\":\"t$((tries++))\"}" && [ "$code" != 200 ]; do
    ((tries < 45))
  done
  [ "$code" = 500 ]
  [ "$(jq .errors[0].code answer.json)" = 1000 ]
  grep -q 'the disk is full' edge.err
  count=$(ask GET '?per_page=1000' .result_info.total_count)
  [ "$(ask GET "?name=t$((tries - 1))" .result_info.count)" = 0 ]
  connect connector demo.token
  rm small/filler
  ask POST '' .success -d '{"name":"after"}'
  [ "$(ask GET '?per_page=1000' .result_info.total_count)" = $((count + 1)) ]
  stop_all
  umount small
}

@test "api: quick tunnels get a public name, limits, and an end" {
  start_api --quick-domain quick.example.com --quick-per-address 2 --quick-first 2s --quick-idle 1s --public-port 8443
  code=$(curl -sS -o answer.json -w '%{http_code}' -X POST -H 'Content-Length: 0' -H 'Content-Type: application/json' "http://$api/tunnel")
  [ "$code" = 200 ]
  host=$(jq -r .result.hostname answer.json)
  [[ $host =~ ^https://[a-z0-9-]+\.quick\.example\.com:8443$ ]]
  host=${host#https://}
  host=${host%:8443}
  jq '{AccountTag: .result.account_tag, TunnelSecret: .result.secret, TunnelID: .result.id}' answer.json >quick.json
  chmod 600 quick.json
  start connector "$tunnel" run --credentials-file quick.json --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 --hello-world
  wait_for connector.err 'registered tunnel connection'
  [ "$(host_status "$host")" = 200 ]
  [ "$(ask GET '' .result)" = '[]' ]
  refused 404 1003 GET "/$(jq -r .TunnelID quick.json)/token"
  curl -sSf -o /dev/null -X POST "http://$api/tunnel"
  run -0 curl -sS -w '%{http_code} %{content_type}' -X POST "http://$api/tunnel"
  [[ $output = *'too many quick tunnels'*'429 text/plain'* ]]
  wait_for edge.err 'quick tunnel ended' 1 # the second one, which nobody connected
  [ "$(host_status "$host")" = 200 ]
  stop connector
  wait_for edge.err 'quick tunnel ended' 2
  [ "$(host_status "$host")" = 404 ]
  stop edge
  start_api
  run -0 curl -sS -o /dev/null -w '%{http_code}' -X POST "http://$api/tunnel" # off unless asked for
  [ "$output" = 401 ]
}

@test "api: over TLS, with keep-alive and pipelining" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout api.key -out api.pem 2>/dev/null
  start_api --api-cert api.pem --api-key api.key
  base=https://$api/client/v4/accounts/$account/cfd_tunnel
  run -0 curl -sSf --cacert api.pem -w '%{num_connects} ' -o /dev/null -o /dev/null \
    -H "Authorization: Bearer $(cat token)" "$base" "$base"
  [ "$output" = '1 0 ' ]
  printf 'GET /client/v4/a HTTP/1.1\r\nHost: x\r\n\r\nGET /client/v4/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >two
  run -0 openssl s_client -quiet -ign_eof -connect "$api" -CAfile api.pem <two
  [ "$(grep -c 'HTTP/1.1 401' <<<"$output")" = 2 ]
}

@test "api: --dev without a store keeps tunnels in memory, and leaves a cert.pem" {
  start_edge --api 127.0.0.1:0
  api=$(edge_address api)
  sed '/^-/d' dev/cert.pem | base64 -d >cert.json
  jq -r .apiToken cert.json >token
  base=http://$api/client/v4/accounts/$(jq -r .accountID cert.json)/cfd_tunnel
  create demo
  connect connector demo.token
  [ "$(stat -c %a dev/cert.pem)" = 600 ]
}
