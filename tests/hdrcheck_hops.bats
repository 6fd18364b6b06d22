#!/usr/bin/env bats
# hdrcheck --hop against real proxies: who adds, doubles and drops X-Frame-Options (header-policy(5), "Where headers get
# lost"). The hop wants DENY; the application sends nothing, or SAMEORIGIN.

load lib

setup_file() {
  start app "$peers/headers.py"
  wait_for app.out '^ready '
  app=127.0.0.1:$(awk '{print $2}' "$(file_of app.out)")
  export app
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

# change SCHEME PATH QUERY: what the proxy makes of X-Frame-Options, "-" when there is none on either side.
change() {
  "$hdrcheck" --json --timeout 10s --hop "proxy=$1://127.0.0.1:$port$2?$3" --hop "app=$1://$app/?$3" | jq -r '
    (.headers.hops[0].changes[] | select(.header | ascii_downcase == "x-frame-options").change) //
    (if .response.headers | any(.[0] | ascii_downcase == "x-frame-options") then "same" else "-" end)'
}

own='header=X-Frame-Options:SAMEORIGIN'

# row PREFIX: the nine cells: 200 bare and own, 404 bare and own, 301 and 304 bare, the proxy's own 502 or 503 (against a 200 of
# the application), 101 bare and own.
row() {
  change http "/$1/" ''
  change http "/$1/" "$own"
  change http "/$1/" status=404
  change http "/$1/" "status=404&$own"
  change http "/$1/" 'status=301&header=Location:/x'
  change http "/$1/" status=304
  change http "/$1/down/" ''
  change ws "/$1/" ''
  change ws "/$1/" "$own"
}

# table: rows "PREFIX CELLS" on stdin, "*" standing for a cell that is not looked at.
table() {
  local prefix want got cell i
  while read -r prefix want; do
    mapfile -t got < <(row "$prefix")
    i=0
    for cell in $want; do
      [[ $cell = '*' || $cell = "${got[i]}" ]] || fail_with "$prefix, cell $((i + 1)): wanted $want, got ${got[*]}"
      i=$((i + 1))
    done
    [ "$i" = 9 ]
  done
}

# product_is NAME LINE: the server is known by its answers, and the line that sets X-Frame-Options named.
product_is() {
  run "$hdrcheck" --json --hop "proxy=http://127.0.0.1:$port/a/" --hop "app=http://$app/"
  [ "$(jq -r '.headers.hops[0] | .product + ": " + (.changes[] | select(.header | ascii_downcase == "x-frame-options").look)' \
    <<<"$output" | tr '[:upper:]' '[:lower:]')" = "$1: $1: $2" ] || fail_with "$(jq -c .headers.hops[0] <<<"$output")"
}

nginx_conf() {
  local name lines nginx_lines=(
    "add_header X-Frame-Options DENY;"
    "add_header X-Frame-Options DENY always;"
    "proxy_hide_header X-Frame-Options; add_header X-Frame-Options DENY always;"
  )
  cat <<CONF
daemon off; worker_processes 1; pid $PWD/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
  proxy_http_version 1.1; proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection \$http_connection;
  server {
    listen 127.0.0.1:$port;
CONF
  for name in a b c; do
    lines=${nginx_lines[$(printf %d "'$name") - 97]}
    echo "location /$name/ { proxy_pass http://$app/; $lines } location /$name/down/ { proxy_pass http://127.0.0.1:1/; $lines }"
  done
  echo "location /d/ { add_header X-Frame-Options DENY always; location /d/down/ { proxy_pass http://127.0.0.1:1/; add_header X-Other 1; }
    location /d/ { proxy_pass http://$app/; add_header X-Other 1; } }"
  echo '} }'
}

@test "nginx" {
  start_server nginx nginx_conf nginx -e stderr -p "$PWD" -c "$PWD/nginx.conf"
  table <<'ROWS'
a added doubled - same added added - - same
b added doubled added doubled added added added added doubled
c added changed added changed added added added added changed
d - same - same - - - - same
ROWS
  product_is 'nginx' 'add_header x-frame-options'
}

apache_conf() {
  local name i=0 line lines=(
    'Header set X-Frame-Options DENY'
    'Header always set X-Frame-Options DENY'
    $'Header set X-Frame-Options DENY\nHeader always set X-Frame-Options DENY'
    $'Header unset X-Frame-Options\nHeader always set X-Frame-Options DENY'
    'Header always append X-Frame-Options DENY'
    'Header setifempty X-Frame-Options DENY'
  )
  cat <<CONF
ServerRoot $PWD
ServerName localhost
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
CONF
  for name in a b c d e f; do
    line=${lines[i++]}
    printf 'ProxyPass /%s/down/ http://127.0.0.1:1/\nProxyPass /%s/ http://%s/ upgrade=websocket\n<Location /%s/>\n%s\n</Location>\n' \
      "$name" "$name" "$app" "$name" "$line"
  done
}

@test "Apache httpd" {
  start_server httpd apache_conf apache2 -DFOREGROUND -f "$PWD/httpd.conf"
  table <<'ROWS'
a added changed added changed added added - - same
b added doubled added doubled added added added - same
c doubled doubled doubled doubled doubled doubled added - same
d added changed added changed added added added - same
e added doubled added doubled added added added - same
f added same added same added added - - same
ROWS
  product_is 'apache httpd' 'header set x-frame-options or header always set x-frame-options'
}

haproxy_conf() {
  local name i=0 rule rules=(
    'http-response set-header X-Frame-Options DENY'
    'http-response add-header X-Frame-Options DENY'
    'http-after-response set-header X-Frame-Options DENY'
  )
  printf '%s\n' global 'defaults' ' mode http' ' timeout client 20s' ' timeout server 20s' ' timeout connect 5s' ' retries 0' \
    'frontend f' " bind 127.0.0.1:$port"
  for name in a b c; do
    printf ' use_backend %s-down if { path_beg /%s/down/ }\n use_backend %s if { path_beg /%s/ }\n' "$name" "$name" "$name" "$name"
  done
  for name in a b c; do
    rule=${rules[i++]}
    printf 'backend %s\n http-request replace-path /./(.*) /\\1\n %s\n server s %s\n' "$name" "$rule" "$app"
    printf 'backend %s-down\n %s\n server s 127.0.0.1:1\n' "$name" "$rule"
  done
}

@test "HAProxy" {
  start_server haproxy haproxy_conf haproxy -db -f "$PWD/haproxy.conf"
  table <<'ROWS'
a added changed added changed added added - added changed
b added doubled added doubled added added - added doubled
c added changed added changed added added added added changed
ROWS
  product_is 'haproxy' 'http-response set-header x-frame-options or http-after-response set-header x-frame-options'
}

caddy_conf() {
  local name i=0 line lines=(
    $'header X-Frame-Options DENY\nreverse_proxy TO'
    $'header {\nX-Frame-Options DENY\ndefer\n}\nreverse_proxy TO'
    $'header X-Frame-Options DENY\nreverse_proxy TO {\nheader_down -X-Frame-Options\n}'
  )
  printf '{\nadmin off\nauto_https off\n}\nhttp://127.0.0.1:%s {\n' "$port"
  for name in a b c; do
    line=${lines[i++]}
    printf 'handle_path /%s/down/* {\n%s\n}\nhandle_path /%s/* {\n%s\n}\n' "$name" "${line/TO/127.0.0.1:1}" "$name" "${line/TO/$app}"
  done
  echo '}'
}

@test "Caddy" {
  start_server caddy caddy_conf env XDG_DATA_HOME="$PWD" XDG_CONFIG_HOME="$PWD" caddy run --adapter caddyfile --config "$PWD/caddy.conf"
  table <<'ROWS'
a added doubled added doubled added added added added doubled
b added changed added changed added added - - same
c added changed added changed added added added added doubled
ROWS
  product_is 'caddy' 'header x-frame-options'
}

# --- The lines of --suggest, where they belong ---

weak='header=Content-Type:text/html&header=X-Frame-Options:SAMEORIGIN&header=X-Powered-By:PHP/8&header=X-XSS-Protection:1'
weak+='&header=Strict-Transport-Security:max-age=5&header=Referrer-Policy:no-referrer'
weak+="&header=Content-Security-Policy:default-src%20'self';%20report-uri%20/%25r"

# suggested SERVER WRITE COMMAND...: the server without them, then with what was suggested: the policy is met, and the headers
# are worth an A+ over HTTPS.
suggested() {
  local server=$1 write=$2
  shift 2
  advice=
  start_server server "$write" "$@"
  run -1 "$hdrcheck" --suggest "$server" "http://127.0.0.1:$port/?$weak"
  advice=$output
  stop server
  start_server server "$write" "$@"
  run -0 --separate-stderr "$hdrcheck" --profile baseline --json "http://127.0.0.1:$port/?$weak"
  jq -c '.response | .request_url = "https://app.example/" | .https = "valid" | .http_chain = null' <<<"$output" >response
  run -0 "$hdrcheck" --grade-at-least A+ --json - <response
  [[ $output != *hop-doubled* && $output != *'"xfo-repeated"'* ]]
}

nginx_suggested() {
  cat <<CONF
daemon off; worker_processes 1; pid $PWD/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
  server { listen 127.0.0.1:$port; server_tokens off; location / { proxy_pass http://$app; $advice } }
}
CONF
}

@test "what is suggested for nginx reaches the policy" {
  suggested nginx nginx_suggested nginx -e stderr -p "$PWD" -c "$PWD/server.conf"
}

apache_suggested() {
  apache_conf | sed '/^ProxyPass/,$d'
  printf 'ServerTokens Prod\nProxyPass / http://%s/\n%s\n' "$app" "$advice"
}

@test "what is suggested for Apache httpd reaches the policy" {
  suggested apache apache_suggested apache2 -DFOREGROUND -f "$PWD/server.conf"
}

haproxy_suggested() {
  printf '%s\n' global 'defaults' ' mode http' ' timeout client 20s' ' timeout server 20s' ' timeout connect 5s' \
    'frontend f' " bind 127.0.0.1:$port" ' default_backend b' "$advice" 'backend b' " server s $app"
}

@test "what is suggested for HAProxy reaches the policy" {
  suggested haproxy haproxy_suggested haproxy -db -f "$PWD/server.conf"
}

caddy_suggested() {
  printf '{\nadmin off\nauto_https off\n}\nhttp://127.0.0.1:%s {\n%s\nreverse_proxy %s {\n%s\n}\n}\n' "$port" "$advice" "$app" \
    "$(sed -n 's/^# in reverse_proxy: //p' <<<"$advice")"
}

@test "what is suggested for Caddy reaches the policy" {
  suggested caddy caddy_suggested env XDG_DATA_HOME="$PWD" XDG_CONFIG_HOME="$PWD" caddy run --adapter caddyfile \
    --config "$PWD/server.conf"
}

# --- Versions of HTTP ---

versions_conf() {
  cat <<CONF
daemon off; worker_processes 1; pid $PWD/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
  map \$server_protocol \$frame { HTTP/2.0 DENY; default ""; }
  server { listen 127.0.0.1:$port; return 200; }
  server { listen 127.0.0.1:$tls_port ssl http2; ssl_certificate $PWD/cert.pem; ssl_certificate_key $PWD/key.pem;
    location / { add_header X-Frame-Options \$frame; return 200 hello; } }
}
CONF
}

@test "a header that HTTP/1.1 loses" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout key.pem -out cert.pem 2>/dev/null
  local tls_port
  tls_port=$(free_port)
  start_server nginx versions_conf nginx -e stderr -p "$PWD" -c "$PWD/nginx.conf"
  run "$hdrcheck" --json --deep --cacert cert.pem "https://localhost:$tls_port/"
  [ "$(jq -r '.findings[] | select(.id == "header-unstable") | .header + ": " + .message' <<<"$output")" = \
    'X-Frame-Options: over HTTP/1.1: not there, while a GET of the page has it' ]
  # Asked for one version, it does not look at the other.
  run "$hdrcheck" --json --deep --http1.1 --cacert cert.pem "https://localhost:$tls_port/"
  [[ $output != *header-unstable* ]]
}

# --- Nonces ---

# nonced SERVER WRITE COMMAND...: what is suggested makes a policy with a nonce met, another one each time, that the
# application is told.
nonced() {
  local server=$1 write=$2 one two
  shift 2
  printf 'rules:\n- set: {Content-Security-Policy: "script-src %s; object-src %s"}\n' "'nonce-{nonce}'" "'none'" >nonce.yaml
  advice=
  start_server server "$write" "$@"
  run -1 "$hdrcheck" --suggest "$server" --policy nonce.yaml "http://127.0.0.1:$port/?header=Content-Type:text/html"
  advice=$output
  stop server
  start_server server "$write" "$@"
  for _ in 1 2; do
    run -0 "$hdrcheck" --policy nonce.yaml --json "http://127.0.0.1:$port/?header=Content-Type:text/html"
    [[ $output != *csp-static-nonce* ]]
    two=$(jq -r '.response.headers[] | select(.[0] | ascii_downcase == "x-told")[1]' <<<"$output")
    [[ -n $two && $two != "${one-}" && $output = *"'nonce-$two'"* ]]
    one=$two
  done
}

@test "what is suggested for a nonce in Apache httpd leaves the application's alone" {
  printf 'rules:\n- set: {Content-Security-Policy: "script-src %s"}\n' "'nonce-{nonce}'" >nonce.yaml
  run -1 "$hdrcheck" --suggest apache --policy nonce.yaml "http://$app/?header=Content-Type:text/html"
  [ "$output" = '# Apache httpd has no random value for a nonce: let the application set Content-Security-Policy' ]
}

@test "what is suggested for a nonce works in nginx, HAProxy and Caddy" {
  nonced nginx nginx_suggested nginx -e stderr -p "$PWD" -c "$PWD/server.conf"
  stop server
  nonced haproxy haproxy_suggested haproxy -db -f "$PWD/server.conf"
  stop server
  nonced caddy caddy_suggested env XDG_DATA_HOME="$PWD" XDG_CONFIG_HOME="$PWD" caddy run --adapter caddyfile \
    --config "$PWD/server.conf"
}
