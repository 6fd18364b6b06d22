#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# The article's chain: visitor, edge, connector, Apache httpd with the article's lines, a WebSocket application.

load lib

setup_file() {
  credentials web
  start app node "$peers/ws.js" serve
  wait_for app.out '^ready '
  start_apache
  start_edge
  start_connector connector --url "http://127.0.0.1:$apache_port" --http-host-header services.k8s.it
}

teardown_file() {
  stop_all
}

teardown() {
  stop_all
}

# start_apache: it cannot be given port 0, so free ones are tried until one is still free when it gets there.
start_apache() {
  local app
  app=$(awk '{print $2}' "$(file_of app.out)")
  for _ in 1 2 3 4 5; do
    apache_port=$(free_port)
    cat "$top/tests/article/httpd.conf" "$top/tests/article/apache.conf" |
      sed "s|PORT|$apache_port|; s|DIR|$BATS_FILE_TMPDIR|; s|grafana.monitoring.svc.cluster.local:3000|127.0.0.1:$app|" \
        >"$BATS_FILE_TMPDIR/httpd.conf"
    start apache apache2 -DFOREGROUND -f "$BATS_FILE_TMPDIR/httpd.conf"
    within "$wait_s" apache_answers_or_ended
    export apache_port
    is_running apache && return
  done
  fail_with 'Apache httpd does not start:' "$(<"$BATS_FILE_TMPDIR/apache.err")"
}

apache_answers_or_ended() {
  ! is_running apache || curl -s -o /dev/null "http://127.0.0.1:$apache_port/"
}

# bats test_tags=interop
@test "apache: pages come from the application, under the article's path" {
  run -0 fetch '/grafana/d/1?x=y'
  [ "$(jq -r .path <<<"$output")" = '/d/1?x=y' ]
  [[ $(jq -r '.headers["x-forwarded-host"]' <<<"$output") == *services.k8s.it* ]]
  [ "$(jq -r '.headers["cf-connecting-ip"]' <<<"$output")" = 127.0.0.1 ]
}

# bats test_tags=interop
@test "apache: a WebSocket goes through the article's ws:// lines" {
  run -0 node "$peers/ws.js" talk "ws://$edge_http/grafana/api/live/ws"
  [ "$(jq -c '[.echoed, .pongs, .code]' <<<"$output")" = '[6,1,4002]' ]
  wait_for app.out '"code":4002'
  [ "$(value 'select(.code == 4002).path' app)" = /api/live/ws ]
}

# bats test_tags=interop
@test "apache: and so it does over TLS" {
  run -0 node "$peers/ws.js" talk "wss://localhost:${edge_tls##*:}/grafana/api/live/ws" "$cacert"
  [ "$(jq -c '[.echoed, .pongs, .code]' <<<"$output")" = '[6,1,4002]' ]
}

# bats test_tags=interop
@test "apache: an upgrade that its lines do not cover is no upgrade" {
  run -0 node "$peers/ws.js" talk "ws://$edge_http/grafana/other"
  [[ $(jq -r .error <<<"$output") == *'server response'* ]]
}

# bats test_tags=interop
@test "apache: stopping it gives 502, and its return is noticed" {
  stop apache
  run -0 fetch /grafana/ -o /dev/null -w '%{http_code}'
  [ "$output" = 502 ]
  start apache apache2 -DFOREGROUND -f "$BATS_FILE_TMPDIR/httpd.conf"
  within "$wait_s" curl -s -o /dev/null "http://127.0.0.1:$apache_port/"
  run -0 fetch /grafana/ -o /dev/null -w '%{http_code}'
  [ "$output" = 200 ]
  stop apache
}
