#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# A connector whose rules the edge sends. The edge is tests/peers/h2edge.py.

load lib

setup() {
  cd "$(scope)" || return
  start_origin
  credentials web
  cacert=$(scope)/cert.pem
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
    -subj /CN=test -addext 'subjectAltName=DNS:h2.cftunnel.com' 2>openssl.log
}

teardown() {
  stop_all
}

# push ID VERSION CONFIG: a line of the script, sent when all before has been answered.
push() {
  jq -nc --arg id "$1" --argjson version "$2" --argjson config "$3" \
    '{id: $id, type: "configuration", body: ({version: $version, config: $config} | tojson)}'
  echo '{"op": "wait"}'
}

# ask ID PATH [HOST]
ask() {
  jq -nc --arg id "$1" --arg path "$2" --arg host "${3:-a.test}" '{id: $id, path: $path, authority: $host}'
  echo '{"op": "wait"}'
}

# serve [OPTION...]: the peer with the script, and a connector that knows nothing but a token.
serve() {
  start edge "$peers/h2edge.py" --tls cert.pem key.pem --script script --stay --register remote --links 2 "$@"
  wait_for edge.out '^ready '
  edge_tunnel=127.0.0.1:$(awk '/^ready /{print $2}' edge.out)
  TUNNEL_TOKEN=$(jq -c '{a: .AccountTag, t: .TunnelID, s: .TunnelSecret}' web.json | base64 -w 0) \
    start connector "$tunnel" run --edge "$edge_tunnel" --edge "$edge_tunnel" --cacert "$cacert" \
    --metrics 127.0.0.1:0 --loglevel debug
  wait_registered connector 2
}

# answer ID: what came back.
answer() {
  wait_for edge.out "\"id\": \"$1\""
  value "select(.id == \"$1\").body" edge
}

status_of() {
  wait_for edge.out "\"id\": \"$1\""
  value "select(.id == \"$1\").status" edge
}

only() {
  jq -nc --arg service "$1" '{ingress: [{service: $service}]}'
}

@test "remote: a connector without rules serves what the edge sends, the newest version only" {
  {
    ask before /
    push first 0 "$(only http_status:201)"
    ask one /
    push again 0 "$(only http_status:202)"
    push newer 7 '{"ingress": [{"hostname": "b.test", "path": "^/x", "service": "http_status:207"},
      {"service": "http_status:208"}], "originRequest": {"connectTimeout": 3}, "warp-routing": {"enabled": true}}'
    push older 6 "$(only http_status:202)"
    ask two /x b.test
    ask three /x a.test
    push empty 8 '{}'
    ask four /
    push last 9 "$(only http_status:209)"
    ask five /
  } >script
  serve
  [ "$(status_of before)" = 503 ]
  [ "$(answer first)" = '{"lastAppliedVersion":0,"err":null}' ]
  [ "$(status_of one)" = 201 ]
  [ "$(answer again)" = '{"lastAppliedVersion":0,"err":null}' ]
  [ "$(answer newer)" = '{"lastAppliedVersion":7,"err":null}' ]
  [ "$(answer older)" = '{"lastAppliedVersion":7,"err":null}' ]
  [ "$(status_of two) $(status_of three)" = '207 208' ]
  [ "$(answer empty)" = '{"lastAppliedVersion":8,"err":null}' ]
  [ "$(status_of four)" = 503 ]
  [ "$(status_of five)" = 209 ]
  # Told at registration, and nothing was told of rules of its own.
  [ "$(value 'select(.event == "registered").features | index("allow_remote_config") != null' edge | sort -u)" = true ]
  [ "$(value 'select(.event == "registered").version' edge | sort -u | cut -c -7)" = outbore ]
  [ "$(value 'select(.event == "configuration")' edge)" = '' ]
  [ "$(curl -s "http://$connector_metrics/config" | jq -c '[.version, .config.ingress[0].service]')" = '[9,"http_status:209"]' ]
  metric_is "$connector_metrics" cloudflared_orchestration_config_version 9
  metric_is "$connector_metrics" cloudflared_tunnel_requests_total 6
}

@test "remote: bad rules are answered with a reason, and the old ones serve on" {
  {
    push good 1 "$(only http_status:201)"
    push catch 2 '{"ingress": [{"hostname": "a.test", "service": "http://a:1"}]}'
    push access 3 '{"ingress": [{"service": "http://a:1", "originRequest": {"access": {"required": true, "teamName": "t",
      "audTag": ["x"]}}}]}'
    push tcp 4 "$(only tcp://a:1)"
    push pool 5 '{"ingress": [{"service": "https://a:1", "originRequest": {"caPool": "/nonexistent.pem"}}]}'
    echo '{"id": "text", "type": "configuration", "body": "hello"}'
    echo '{"id": "huge", "type": "configuration", "body_bytes": 3000000}'
    echo '{"op": "wait"}'
    ask after /
    push next 6 "$(only http_status:206)"
    ask last /
  } >script
  serve
  for id in catch access tcp pool; do
    [ "$(answer "$id" | jq -c '[.lastAppliedVersion, (.err.message | length > 10)]')" = '[1,true]' ]
  done
  [[ $(answer access | jq -r .err.message) = *access* ]]
  for id in text huge; do
    [ "$(status_of "$id")" = 502 ]
    [ "$(value "select(.id == \"$id\").meta.src" edge)" = cloudflared ]
  done
  [ "$(status_of after)" = 201 ]
  [ "$(status_of last)" = 206 ]
  [ "$(grep -c ' error: configuration refused, the rules are kept' connector.err)" = 4 ]
}

@test "remote: requests under way end under the rules that they began with" {
  {
    push good 1 "$(only "http://127.0.0.1:$origin_port")"
    echo '{"id": "slow", "path": "/step?n=3&id=slow"}'
    push next 2 "$(only http_status:202)" | head -n 1
  } >script
  serve
  [ "$(answer next)" = '{"lastAppliedVersion":2,"err":null}' ]
  within "$wait_s" metric_is "$connector_metrics" cloudflared_tunnel_active_streams 1
  for _ in 1 2 3; do
    curl -sf "http://127.0.0.1:$origin_port/ack?id=slow" -o /dev/null
  done
  [ "$(status_of slow)" = 200 ]
  [ "$(value 'select(.id == "slow").reset' edge)" = null ]
  stop connector
  [ "$exit_status" = 0 ]
}

@test "remote: rules of a local file are replaced too" {
  push one 0 "$(only http_status:201)" >script
  ask after / >>script
  start edge "$peers/h2edge.py" --tls cert.pem key.pem --script script --stay
  wait_for edge.out '^ready '
  edge_tunnel=127.0.0.1:$(awk '/^ready /{print $2}' edge.out)
  connections=1 start_connector connector --url "http://127.0.0.1:$origin_port"
  [ "$(status_of after)" = 201 ]
  wait_for edge.out '"event": "configuration"'
}

@test "remote: what is put at our edge is served by every connector, and kept from what cannot be" {
  put() {
    api PUT "/$web_id/configurations" "{\"config\": $1}"
  }
  applied() {
    [ "$(api GET "/$web_id/connections" | jq -c '[.[].config_version]')" = "$1" ]
  }
  answers() {
    [ "$(fetch / -o /dev/null -w '%{http_code}')" = "$1" ]
  }
  api_edge web '{"name": "web", "config_src": "cloudflare"}'
  for name in one two; do
    TUNNEL_TOKEN=$(api GET "/$web_id/token" | jq -r .) start "$name" "$tunnel" run --edge "$edge_tunnel" \
      --cacert "$cacert" --metrics 127.0.0.1:0
    wait_registered "$name" 1
  done
  answers 503
  version=$(put "$(only http_status:201)" | jq .version)
  within "$wait_s" applied "[$version,$version]"
  answers 201
  put '{"ingress": [{"service": "tcp://127.0.0.1:1"}]}'
  wait_for edge.err 'configuration refused by the connector' 2
  answers 201
  # One that comes later gets the newest that it can serve.
  version=$(put "$(only http_status:202)" | jq .version)
  within "$wait_s" applied "[$version,$version]"
  start three "$tunnel" run --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 --credentials-file web.json
  within "$wait_s" applied "[$version,$version,$version]"
  answers 202
}
