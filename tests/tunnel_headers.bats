#!/usr/bin/env bats
# tunnel edge --headers: the policy on the data path.

load lib

setup_file() {
  credentials web
  start app "$peers/headers.py"
  wait_for app.out '^ready '
  cp "$top/share/policies/worker.yaml" "$(scope)/policy.yaml"
  start_edge --credentials web.json --route '*=web' --headers policy.yaml
  start_connector connector --url "http://127.0.0.1:$(awk '{print $2}' "$(file_of app.out)")"
}

teardown_file() {
  stop_all
}

teardown() {
  stop_all
}

seven='content-security-policy: upgrade-insecure-requests
permissions-policy: geolocation=()
referrer-policy: strict-origin-when-cross-origin
strict-transport-security: max-age=3600;includeSubdomains
x-content-type-options: nosniff
x-frame-options: DENY
x-xss-protection: 1; mode=block'

# security PATH [CURL OPTION...]: the seven headers of the answer, sorted.
security() {
  fetch "$@" -o /dev/null -D - | tr -d '\r' | sed -n '2,$s/^\([^:]*\):/\L\1:/p' |
    grep -E '^(content-security|strict-tr|x-xss|x-frame|x-content|permissions|referrer)' | sort
}

@test "the article's Worker: documents and answers without a type get its headers, over those of the application" {
  local path
  while read -r path; do
    [ "$(security "$path")" = "$seven" ] || fail_with "$path: $(security "$path")"
  done <<'PATHS'
/?header=Content-Type:text/html
/?header=Content-Type:text/html;charset=utf-8
/?header=X-Custom:untyped
/?header=Content-Type:text/html&header=X-Frame-Options:SAMEORIGIN
/?header=Content-Type:text/html&header=X-Frame-Options:A&header=X-Frame-Options:B
/?header=Content-Type:text/html&header=Content-Security-Policy:default-src%20'none'
/?header=Content-Type:text/html&status=404
/?header=Content-Type:text/html&status=500
/?header=Content-Type:text/html&status=302&header=Location:/elsewhere
/?status=304
/?status=204
/?header=Content-Type:application/xhtml%2btext/html
PATHS
}

@test "the article's Worker: any other type passes as it is" {
  local type
  for type in application/json text/css image/svg+xml TEXT/HTML text/plain application/xhtml+xml; do
    [ "$(security "/?header=Content-Type:${type/+/%2b}&header=X-Frame-Options:SAMEORIGIN")" = "x-frame-options: SAMEORIGIN" ] ||
      fail_with "$type"
  done
}

@test "HEAD is answered like GET" {
  [ "$(security '/?header=Content-Type:text/html' -I)" = "$seven" ]
}

@test "WebSocket handshakes are left alone" {
  run -0 raw "$edge_http" < <(printf '%s\r\n' 'GET /ws?header=X-Own:1 HTTP/1.1' 'Host: web.example' 'Upgrade: websocket' \
    'Connection: Upgrade' 'Sec-WebSocket-Version: 13' 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' '')
  [[ $output = 'HTTP/1.1 101 '* ]]
  [[ ${output,,} = *'x-own: 1'* ]]
  [[ ${output,,} != *x-frame-options* ]]
}

@test "the edge's own pages get the policy too" {
  credentials web
  cp "$top/share/policies/worker.yaml" "$(scope)/policy.yaml"
  start_edge --credentials web.json --route '*=web' --headers policy.yaml
  [ "$(security /)" = "$seven" ]
  [ "$(fetch / -o /dev/null -w '%{http_code}')" = 530 ]
}

@test "a changed file is read again, a bad one keeps the policy as it was" {
  local file=$BATS_FILE_TMPDIR/policy.yaml
  printf 'rules:\n- set: {X-Posture: second}\n' >"$file.new"
  mv "$file.new" "$file"
  wait_for edge.err 'header policy read again'
  fetch '/?header=Content-Type:text/css' -o /dev/null -D - | grep -qi '^x-posture: second'
  printf 'rules:\n- set: {Content-Length: 0}\n' >"$file.new"
  mv "$file.new" "$file"
  wait_for edge.err 'header policy kept as it was.*line 2: a policy does not touch .*Content-Length'
  fetch / -o /dev/null -D - | grep -qi '^x-posture: second'
  cp "$top/share/policies/worker.yaml" "$file.new"
  mv "$file.new" "$file"
  wait_for edge.err 'header policy read again' 2
}

@test "a policy that cannot be used does not start an edge" {
  printf 'rules:\n- frobnicate: yes\n' >"$BATS_TEST_TMPDIR/bad.yaml"
  run -3 "$tunnel" edge --dev "$BATS_TEST_TMPDIR/dev" --listen-http 127.0.0.1:0 --tunnel-listen 127.0.0.1:0 \
    --headers "$BATS_TEST_TMPDIR/bad.yaml"
  [[ $output = *'--headers: '*'bad.yaml: line 2: no key of a rule: "frobnicate"'* ]]
}

@test "hdrcheck sees what the edge adds: the baseline is met, and the grade rises" {
  credentials web
  cp "$top/share/policies/baseline.yaml" "$(scope)/policy.yaml"
  start_edge --credentials web.json --route 'app.example=web' --headers policy.yaml
  start_connector connector --url "http://127.0.0.1:$(awk '{print $2}' "$(file_of app.out)")"
  local page='/?header=Content-Type:text/html&header=Strict-Transport-Security:max-age=60&header=X-Powered-By:PHP' code=0
  "$hdrcheck" --json --profile baseline --cacert "$cacert" --connect-to "app.example:443:$edge_tls" \
    --connect-to "app.example:80:$edge_http" "https://app.example$page" >"$(scope)/record" || code=$?
  [ "$code" = 0 ]
  [ "$(jq -c '[.headers.policy.met, .headers.observatory.score, .response.https, (.response.http_chain | length)]' "$(scope)/record")" = \
    '[true,80,"valid",1]' ]
  [ "$(jq -r '.headers.observatory.tests | to_entries[] | select(.value.pass | not).key' "$(scope)/record")" = redirection ]

  # The application alone, by the side of the edge.
  "$hdrcheck" --json --cacert "$cacert" --connect-to "app.example:443:$edge_tls" --hop "edge=https://app.example$page" \
    --hop "app=http://127.0.0.1:$(awk '{print $2}' "$(file_of app.out)")$page" >"$(scope)/record" || true
  [ "$(jq -r '.headers.hops[0].changes[] | .header + "=" + .change' "$(scope)/record" | tr '[:upper:]' '[:lower:]' | sort | xargs)" = \
    'content-security-policy=added cross-origin-opener-policy=added cross-origin-resource-policy=added permissions-policy=added referrer-policy=added strict-transport-security=changed x-content-type-options=added x-frame-options=added x-powered-by=removed' ]
}
