#!/usr/bin/env bats
# The HTTP under the management API: both versions, their limits, and clients that mean no good.
# bats-run: early

load lib
load api

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  stop_all
}

start_tls() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout api.key -out api.pem 2>/dev/null
  start_api --api-cert api.pem --api-key api.key
  base=https://$api/client/v4/accounts/$account/cfd_tunnel
}

# one_tunnel_each VERSION CURL-OPTION...: create and delete, and what goes wrong between, over this version.
one_tunnel_each() {
  local version=$1
  shift
  id=$(ask POST '' .result.id "$@" -d '{"name":"demo"}')
  [ "$(curl -sS -o /dev/null -w '%{http_version} %{content_type} %header{cache-control}' "$@" -H "Authorization: Bearer $(cat token)" \
    "$base/$id/token")" = "$version application/json no-store" ]
  [ "$(ask GET "?name=demo" .result_info.count "$@")" = 1 ]
  [ "$(ask PATCH "/$id" .result.name "$@" -d '{"name":"other"}')" = other ]
  auth='Bearer wrong' refused 401 10000 GET '' "$@"
  auth='' refused 401 10000 POST '' "$@" -d '{"name":"x"}'
  refused 401 10000 GET '' "$@" -H "Authorization: Bearer $(cat token)" # twice
  refused 404 7003 GET /.. "$@" --path-as-is
  refused 405 10405 PUT "/$id" "$@" -d '{}'
  refused 400 1001 POST '' "$@" -d '{"name":'
  refused 413 10413 POST '' "$@" --data-binary @large
  refused 413 10413 POST '' "$@" -T - -H 'Expect:' <large # of unknown length
  [ "$(curl -sS -I -o /dev/null -w '%{http_code}' "$@" -H "Authorization: Bearer $(cat token)" "$base")" = 405 ]
  ask DELETE "/$id" .success "$@"
}

@test "api http: the same over HTTP/1.1, HTTP/2 by prior knowledge, and either by ALPN" {
  head -c 300000 /dev/zero | tr '\0' ' ' >large
  start_api
  one_tunnel_each 1.1 --http1.1
  one_tunnel_each 2 --http2-prior-knowledge
  stop edge
  start_tls
  one_tunnel_each 1.1 --cacert api.pem --http1.1
  one_tunnel_each 2 --cacert api.pem --http2
}

large_config() {
  jq -nc '{config: {ingress: ([range(9000) | {hostname: "h\(.).example.com", service: "http_status:204", originRequest: {httpHostHeader: "a\(.)"}}]
    + [{service: "http_status:404"}])}}'
}

@test "api http: HTTP/2 carries many requests at once, whole answers to slow readers, and large configurations" {
  start_api
  create remote '"config_src":"cloudflare"'
  large_config >config.json
  (($(stat -c %s config.json) > 900000))
  [ "$(ask PUT "/$id/configurations" .result.version --http2-prior-knowledge --data-binary @config.json)" = 1 ]
  [ "$(ask GET "/$id/configurations" '.result.config.ingress | length' --http2-prior-knowledge --limit-rate 3M)" = 9001 ]
  start stall "$peers/h2api.py" "$api" token "/client/v4/accounts/$account/cfd_tunnel/$id/configurations" stall "$PWD/go"
  wait_for stall.out stalled
  ask GET "/$id" .success # nobody waits for that one
  touch go
  ended stall
  [ "$(tail -n 1 stall.out)" = "$(curl -sS -H "Authorization: Bearer $(cat token)" "$base/$id/configurations" | wc -c)" ]
  stop edge
  start_tls # where curl takes one connection for all
  urls=()
  for i in {1..30}; do urls+=(-o "out$i" "$base/$id/configurations"); done
  curl -sS -Z --parallel-max 30 --http2 --cacert api.pem -w '%{http_code} %{http_version}\n' -H "Authorization: Bearer $(cat token)" \
    "${urls[@]}" 2>/dev/null >codes
  [ "$(sort -u codes)" = '200 2' ]
  [ "$(wc -l <codes)" = 30 ]
  [ "$(cat out* | jq -c '.result.config.ingress | length' | sort -u)" = 9001 ]
}

@test "api http: who reads slowly gets his answer whole though the edge stops" {
  start_api
  create remote '"config_src":"cloudflare"'
  jq -nc '{config: {ingress: ([range(1500) | {hostname: "h\(.).example.com", service: "http_status:204"}] + [{service: "http_status:404"}])}}' >config.json
  ask PUT "/$id/configurations" .result.version --data-binary @config.json
  ask GET "/$id/configurations" .success
  size=$(stat -c %s answer.json)
  start slow "$peers/h2api.py" "$api" token "/client/v4/accounts/$account/cfd_tunnel/$id/configurations" stall "$PWD/go"
  start idle "$peers/h2api.py" "$api" token "/client/v4/accounts/$account/cfd_tunnel/$id" idle
  wait_for slow.out stalled
  wait_for idle.out 200
  signal edge TERM
  within "$wait_s" is_closed
  ended idle
  [ "$(cat idle.out)" = $'200\ngoaway\nclosed' ]
  touch go
  ended slow
  [ "$(tail -n 1 slow.out)" = "$size" ]
  ended edge
  [ "$exit_status" = 0 ]
  run ! grep 'connections to the API are closed' edge.err
}

# Nobody listens there any more.
is_closed() {
  run curl -s -o closed.json "http://$api/"
  [ "$status" = 7 ]
}

@test "api http: clients of HTTP/2 that mean no good get what they ask for, or an end" {
  start_api
  at="/client/v4/accounts/$account/cfd_tunnel"
  [ "$("$peers/h2api.py" "$api" token "$at" bytewise)" = 200 ]
  [ "$("$peers/h2api.py" "$api" token "$at" streams 45)" = '32 13' ]
  [ "$("$peers/h2api.py" "$api" token "$at" head 8000)" = 200 ]
  [[ $("$peers/h2api.py" "$api" token "$at" head 20000) = reset ]]
  [ "$("$peers/h2api.py" "$api" token "$at" head 100000)" != 200 ]
  [ "$("$peers/h2api.py" "$api" token "$at" connect)" = 'reset reset 200 405' ]
  [ "$(printf 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n' | raw "$api" | head -n 1 | cut -c 1-12)" = 'HTTP/1.1 505' ]
  # Last, since the token has had its share then.
  [ "$("$peers/h2api.py" "$api" token "$at" resets 3000)" = goaway ]
  within 20 works
  within "$wait_s" metric_is "$edge_metrics" outbore_api_connections 0
}

@test "api http: a hundred connections and no more" {
  start_api
  start crowd python3 -uc "import socket, time
s = [socket.create_connection(('${api%:*}', ${api##*:})) for _ in range(100)]
print('there')
time.sleep(600)"
  wait_for crowd.out there
  within "$wait_s" metric_is "$edge_metrics" outbore_api_connections 100
  run ! curl -s -m 10 "http://$api/"
  signal crowd KILL
  ended crowd
  within "$wait_s" works
}

# bats test_tags=slow
@test "api http: who does not finish his request in half a minute is told so, idle connections end, and slow readers get all" {
  start_api
  # Each keeps its end open for longer than that.
  head=$(printf 'Host: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 10' "$(cat token)")
  start body bash -c "exec 3<>/dev/tcp/${api/:/\/}; printf 'POST /${base#http://*/} HTTP/1.1\r\n$head\r\n\r\n{' >&3; cat <&3"
  start head bash -c "exec 3<>/dev/tcp/${api/:/\/}; printf 'GET / HTTP/1.1\r\nHost: x\r\n' >&3; cat <&3"
  start h2 bash -c "sleep 45 | curl -sS -w ' %{http_code}' --http2-prior-knowledge -H 'Authorization: Bearer $(cat token)' \
    -H 'Content-Type: application/json' -X POST -T - '$base'"
  start idle "$peers/h2api.py" "$api" token "/client/v4/accounts/$account/cfd_tunnel" idle
  create remote '"config_src":"cloudflare"'
  large_config >config.json
  ask PUT "/$id/configurations" .success --data-binary @config.json
  size=$(curl -sS -H "Authorization: Bearer $(cat token)" "$base/$id/configurations" | wc -c)
  start sip "$peers/h2api.py" "$api" token "/client/v4/accounts/$account/cfd_tunnel/$id/configurations" sip 3
  ended body 60
  grep -q 'HTTP/1.1 408' body.out
  ended head 60
  grep -q 'HTTP/1.1 408' head.out
  ended h2 60
  grep -q 'did not come in time.* 408' h2.out
  ended sip 60
  read -r taken seconds <sip.out
  ((taken == size && seconds > 30))
  ended idle 90
  [ "$(cat idle.out)" = $'200\ngoaway\nclosed' ]
  within "$wait_s" metric_is "$edge_metrics" outbore_api_connections 0
}
