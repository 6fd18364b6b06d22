#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# The article's configuration files as they stand, started as its Deployment starts them: `tunnel --config F run`.

load lib

setup_file() {
  cd "$BATS_FILE_TMPDIR" || return
  credentials home
  start_origin
  start_edge --credentials home.json --route '*=home'
}

teardown_file() {
  stop_all
}

teardown() {
  stop_all
}

# start_article FILE NAME=ADDRESS...: with names of the article's network replaced; where the edge is comes by environment.
start_article() {
  local file=$1 binary=$tunnel change edits=()
  shift
  for change in "$@" "/etc/cloudflared/creds/credentials.json=$BATS_FILE_TMPDIR/home.json" 0.0.0.0:2000=127.0.0.1:0; do
    edits+=(-e "s|${change%%=*}|${change#*=}|")
  done
  sed "${edits[@]}" "$top/tests/article/$file" >"$BATS_TEST_TMPDIR/config.yaml"
  case $CONNECTOR in
    cloudflared-new) binary="env TUNNEL_TRANSPORT_PROTOCOL=http2 TUNNEL_NO_PRECHECKS=true $CLOUDFLARED tunnel" ;;
    cloudflared-old) binary="env TUNNEL_TRANSPORT_PROTOCOL=http2 $CLOUDFLARED_OLD tunnel" ;;
  esac
  # shellcheck disable=SC2086 # a program, or env and its arguments
  TUNNEL_EDGE=$edge_tunnel,$edge_tunnel TUNNEL_CACERT=$cacert start connector $binary --config config.yaml run
  wait_registered connector 2
}

# as HOST PATH [CURL OPTION...]
as() {
  fetch "$2" -H "Host: $1" "${@:3}"
}

# bats test_tags=interop
@test "article: rules by host and path with three originRequest keys, and a catch-all" {
  start_article config.yaml "internal-ingress=127.0.0.1:$origin_port"
  [ "$(as services.k8s.it /grafana/ | jq -r '.headers[] | select(.[0] == "Host")[1]')" = services.k8s.it ]
  [ "$(as services.k8s.it /.well-known/acme-challenge/token | jq -r .target)" = /.well-known/acme-challenge/token ]
  [ "$(as elsewhere.k8s.it / -o /dev/null -w '%{http_code}')" = 404 ]
  run -0 "$peers/wsvisitor.py" leave "ws://$edge_http/ws" --host services.k8s.it --code 4004
  [ "$output" = '{"code": 4004}' ]
  [ "$(curl -s "http://$connector_metrics/ready" | jq .readyConnections)" = 2 ]
}

# bats test_tags=interop
@test "article: routing by path" {
  tunnel_and_credentials="tunnel: home\ncredentials-file: $BATS_FILE_TMPDIR/home.json\nmetrics: 127.0.0.1:0\n&"
  start_article config-paths.yaml "^ingress:=$tunnel_and_credentials" \
    "grafana.monitoring.svc.cluster.local:3000=127.0.0.1:$origin_port" \
    "prometheus.monitoring.svc.cluster.local:9090=127.0.0.1:1"
  [ "$(as services.k8s.it /grafana/d/1 | jq -r .target)" = /grafana/d/1 ]
  [ "$(as services.k8s.it /prometheus/graph -o /dev/null -w '%{http_code}')" = 502 ]
  [ "$(as services.k8s.it /other -o /dev/null -w '%{http_code}')" = 404 ]
}
