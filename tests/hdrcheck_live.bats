#!/usr/bin/env bats
# hdrcheck and header policies with live applications: every profile behind the edge, and dashboards behind the edge, nginx and
# Apache httpd, which must stay live.

load lib

wscat=${OUTBORE_BIN:-$top/bin}/wscat

setup_file() {
  credentials web
  start app "$peers/headers.py"
  start plain "$peers/dashboard.py"
  start nonced "$peers/dashboard.py" --csp
  wait_for app.out '^ready '
  wait_for plain.out '^ready '
  wait_for nonced.out '^ready '
  local name
  for name in app plain nonced; do
    printf -v "$name" '127.0.0.1:%s' "$(awk '{print $2}' "$(file_of "$name.out")")"
  done
  export app plain nonced
  echo 'rules: [{set: {X-Policy: none}}]' >"$(scope)/policy.yaml"
  cat >"$(scope)/config.yml" <<YAML
ingress:
  - hostname: plain.example
    service: http://$plain
  - hostname: nonced.example
    service: http://$nonced
  - service: http://$app
YAML
  start_edge --credentials web.json --route 'plain.example=web' --route 'nonced.example=web' --route 'app.example=web' \
    --headers policy.yaml
  start_connector connector --config config.yml
}

teardown_file() {
  stop_all
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  stop_all
}

# take POLICY: the edge's from now on.
take() {
  local file=$BATS_FILE_TMPDIR/policy.yaml before
  ! cmp -s "$1" "$file" || return 0
  before=$(grep -c 'header policy read again' "$BATS_FILE_TMPDIR/edge.err" || true)
  cp "$1" "$file.new"
  mv "$file.new" "$file"
  wait_for edge.err 'header policy read again' $((before + 1))
}

# at HOST PATH [OPTION...]: hdrcheck of a host behind the edge.
at() {
  local host=$1 path=$2
  shift 2
  "$hdrcheck" --json --cacert "$cacert" --connect-to "$host:443:$edge_tls" --connect-to "$host:80:127.0.0.1:1" "$@" "https://$host$path"
}

page='/?header=Content-Type:text/html&header=X-Powered-By:PHP&header=Strict-Transport-Security:max-age=60&header=X-XSS-Protection:1'

@test "every profile: not met by the application, met behind an edge with its policy, at its grade" {
  local profile grade policy
  while read -r profile policy grade; do
    run -1 "$hdrcheck" --profile "$profile" "http://$app$page"
    take "$top/share/policies/$policy.yaml"
    run -0 --separate-stderr at app.example "$page" --profile "$profile"
    [ "$(jq -c '[.headers.policy.name, .headers.policy.met, .headers.observatory.grade]' <<<"$output")" = "[\"$profile\",true,\"$grade\"]" ] ||
      fail_with "$profile: $(jq -c .headers.policy,.headers.observatory.grade <<<"$output")"
    # A missing page of the application's, which has no headers of its own, gets them too.
    run -0 --separate-stderr at app.example '/missing?status=404&header=Content-Type:text/html' --profile "${profile/observatory/baseline}"
  done <<'PROFILES'
observatory baseline A+
baseline baseline A+
owasp owasp A+
strict strict A+
api api A+
grafana grafana B+
worker worker B
PROFILES
}

# is_live URL [OPTION...]: the live data of a dashboard arrive at a page of the URL's own site.
is_live() {
  local url=$1
  shift
  run -0 --separate-stderr "$wscat" --origin "${url/#ws/http}" "$@" --one -w -1s "$url/api/live/ws" </dev/null
  [ "$output" = '{"live":true}' ]
}

# works RECORD: what the page needs is allowed by what it is sent: its socket, its inline script.
works() {
  local csp
  csp=$(jq -r '.response.headers[] | select(.[0] | ascii_downcase == "content-security-policy")[1]' "$1")
  [[ $csp = *connect-src*wss:* ]]
  [[ $csp = *script-src*\'unsafe-inline\'* || $csp = *script-src*\'nonce-* ]]
  jq -e '.findings | all(.id != "csp-ws" and .id != "csp-nonce-mismatch" and .id != "hop-doubled" and .id != "xfo-repeated")' "$1"
}

@test "dashboards behind the edge with grafana.yaml stay live" {
  take "$top/share/policies/grafana.yaml"
  local name want
  # That without a policy of its own gets one that lets its scripts run; the other keeps its own, which is better.
  for want in plain:B nonced:A+; do
    name=${want%:*}
    at "$name.example" /login --profile grafana >record
    [ "$(jq -r .headers.observatory.grade record)" = "${want#*:}" ] || fail_with "$name: $(jq -c .headers.observatory record)"
    works record
    is_live "wss://$name.example" --cacert "$cacert" --connect-to "$edge_tls"
    is_live "ws://$name.example" --connect-to "$edge_http"
    # The redirect to the page, its API and its missing pages have what counts there.
    at "$name.example" / --profile grafana --paths /,/api/health,/nothing >records
    jq -se 'length == 3 and all(.headers.policy.met)' records
  done
  # Another site's page is refused by the application, and hdrcheck sees that.
  run "$hdrcheck" --json --cacert "$cacert" --connect-to "plain.example:443:$edge_tls" wss://plain.example/api/live/ws
  [ "$(jq -r .response.status <<<"$output")" = 403 ]
  [[ $output != *ws-any-origin* ]]
}

nginx_dashboard() {
  cat <<CONF
daemon off; worker_processes 1; pid $PWD/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
  server {
    listen 127.0.0.1:$port; server_tokens off;
    location / {
      proxy_pass http://$plain; proxy_http_version 1.1;
      proxy_set_header Host \$http_host; proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection \$http_connection;
      $advice
    }
  }
}
CONF
}

apache_dashboard() {
  cat <<CONF
ServerRoot $PWD
ServerName localhost
ServerTokens Prod
Listen 127.0.0.1:$port
PidFile $PWD/httpd.pid
DefaultRuntimeDir $PWD
Mutex file:$PWD
ErrorLog /dev/stderr
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
ProxyPreserveHost On
ProxyPass / http://$plain/ upgrade=websocket
$advice
CONF
}

# dashboard SERVER WRITE COMMAND...: with what --suggest says for it, the policy is met, the grade that of the edge, and the
# dashboard live.
dashboard() {
  local server=$1 write=$2
  shift 2
  advice=
  start_server server "$write" "$@"
  advice=$("$hdrcheck" --suggest "$server" --profile grafana "http://127.0.0.1:$port/login") || true
  [ -n "$advice" ]
  stop server
  start_server server "$write" "$@"
  run -0 --separate-stderr "$hdrcheck" --json --profile grafana "http://127.0.0.1:$port/login"
  echo "$output" >record
  works record
  is_live "ws://127.0.0.1:$port"
  # As over HTTPS, with the socket on it.
  jq -c '.response | .request_url = "https://dash.example/login" | .https = "valid" | .http_chain = null' record >response
  [ "$("$hdrcheck" --json - <response | jq -r .headers.observatory.grade)" = B ]
}

@test "a dashboard behind nginx, with what is suggested for grafana.yaml, stays live" {
  dashboard nginx nginx_dashboard nginx -e stderr -p "$PWD" -c "$PWD/server.conf"
}

@test "a dashboard behind Apache httpd, with what is suggested for grafana.yaml, stays live" {
  dashboard apache apache_dashboard apache2 -DFOREGROUND -f "$PWD/server.conf"
}
