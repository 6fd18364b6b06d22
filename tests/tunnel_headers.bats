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

# header NAME PATH [CURL OPTION...]: the values of a header in an answer.
header() {
  local name=$1
  shift
  fetch "$@" -o /dev/null -D - | tr -d '\r' | sed -n "s/^$name: //Ip"
}

@test "a nonce is another one each time, and the application is told, whatever the visitor says" {
  credentials web
  cat >"$(scope)/policy.yaml" <<'YAML'
nonce-header: X-Script-Nonce
rules:
  - types: text/html
    set: {Content-Security-Policy: "script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'nonce-{nonce}'"}
YAML
  start_edge --credentials web.json --route '*=web' --headers policy.yaml
  start_connector connector --url "http://127.0.0.1:$(awk '{print $2}' "$(file_of app.out)")"
  local page='/?header=Content-Type:text/html' told csp seen=
  for _ in 1 2 3; do
    fetch "$page" -H 'x-script_nonce: mine' -H 'X-Script-Nonce: mine' -o /dev/null -D "$(scope)/head"
    told=$(tr -d '\r' <"$(scope)/head" | sed -n 's/^x-told: //Ip')
    csp=$(tr -d '\r' <"$(scope)/head" | sed -n 's/^content-security-policy: //Ip')
    [[ $told =~ ^[A-Za-z0-9+/]{24}$ ]] || fail_with "told: $told"
    [ "$csp" = "script-src 'nonce-$told' 'strict-dynamic'; style-src 'nonce-$told'" ]
    [[ $seen != *"$told"* ]]
    seen+=" $told"
  done
  # A 304 would put its nonce before a page that has another; an answer of another type has none.
  [ -z "$(header content-security-policy "$page&status=304")" ]
  [ -z "$(header content-security-policy '/?header=Content-Type:text/css')" ]
  [ "$(curl -sk --http2 --resolve "web.example:${edge_tls##*:}:127.0.0.1" -o /dev/null -D - \
    "https://web.example:${edge_tls##*:}$page" | grep -ci '^x-told: ................')" = 1 ]

  # The policy is met by any nonce of its length, and hdrcheck says what is not one.
  "$hdrcheck" --json --policy "$(scope)/policy.yaml" "http://$edge_http$page" | jq -e .headers.policy.met
  "$hdrcheck" --json --policy "$(scope)/policy.yaml" "http://$edge_http$page" | jq -e '.findings | all(.id != "csp-static-nonce")'
}

@test "one host is told apart from the rest" {
  credentials web
  cat >"$(scope)/policy.yaml" <<'YAML'
rules:
  - set: {X-Frame-Options: DENY, X-One: "1"}
hosts:
  embed.example: {remove: X-Frame-Options}
  "*.example": {set: {X-Frame-Options: SAMEORIGIN}}
YAML
  start_edge --credentials web.json --route '*=web' --headers policy.yaml
  start_connector connector --url "http://127.0.0.1:$(awk '{print $2}' "$(file_of app.out)")"
  [ "$(header x-frame-options / -H 'Host: a.test')" = DENY ]
  [ "$(header x-frame-options / -H 'Host: A.example:8080')" = SAMEORIGIN ]
  [ -z "$(header x-frame-options '/?header=X-Frame-Options:DENY' -H 'Host: embed.example')" ]
  [ "$(header x-one / -H 'Host: embed.example')" = 1 ]
  local host
  for host in a.test a.example embed.example; do
    "$hdrcheck" --json --policy "$(scope)/policy.yaml" --connect-to "::$edge_http" "http://$host/" |
      jq -e .headers.policy.met || fail_with "$host"
  done
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
