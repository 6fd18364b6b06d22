#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# wscat probe and explain as they are typed. The diagnoses themselves are held against real proxies by `make lab`.

load lib

wscat=${OUTBORE_BIN:-$top/bin}/wscat

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  stop_all
}

# serve NAME [OPTION...]: a server; its URL is in url_NAME.
serve() {
  local name=$1
  shift
  start "$name" "$wscat" serve -q --json --listen 127.0.0.1:0 "$@"
  wait_for "$name.out" '"event":"listening"'
  printf -v "url_$name" %s "$(value 'select(.event == "listening").target.url' "$name")"
}

@test "probe: a hop that works" {
  serve app
  run -0 --separate-stderr "$wscat" probe "$url_app"
  [[ $output == *'101 open'*'all hops pass'* ]]
  [ -z "$stderr" ]
  run -0 "$wscat" probe --json --echo "$url_app"
  [ "$(jq -r '[.kind, .status, .ws.verdict.hop, .ws.hops[0].ok, .ws.hops[0].messages.echoes, .ws.hops[0].messages.pings] | @csv' <<<"$output")" = '"probe","ok",,true,true,5' ]
}

@test "probe: the outer hop is to blame when the inner one works" {
  serve edge --reject 403
  serve app
  run -1 --separate-stderr "$wscat" probe --hop "edge=$url_edge" --hop "app=$url_app"
  [[ $output == *'> edge'*'<- here'*'broken: edge (certain)'* ]]
  run -1 "$wscat" probe --json --hop "edge=$url_edge" --hop "app=$url_app"
  [ "$(jq -r '.ws.verdict | [.hop, .cause, .confidence.hop] | @csv' <<<"$output")" = '"edge",,"certain"' ]
  [ "$(jq -r '.ws.hops[0].replies | keys | length <= 9' <<<"$output")" = true ]
}

@test "probe: the inner hop is to blame when both fail" {
  serve edge --reject 502
  serve app --wrong-accept
  run -1 "$wscat" probe --json --hop "edge=$url_edge" --hop "app=$url_app"
  [ "$(jq -r '.ws.verdict | [.hop, .cause] | @csv' <<<"$output")" = '"app","WS-APP-04"' ]
  [ "$(jq -r '.findings[0] | [.id, .severity, .where, .tool] | @csv' <<<"$output")" = '"WS-APP-04","error","app","wscat"' ]
}

@test "probe: what works through the outer hop is not said to work where it does not" {
  serve app
  run -0 "$wscat" probe --hop "edge=$url_app" --hop inside=ws://127.0.0.1:1/
  [[ $output == *'edge passes'*'inside does not when asked by itself'*'Connection refused'* ]] || fail_with "$output"
  [[ $output != *'all hops pass'* ]]
}

@test "probe: hops that are none are a wrong command line" {
  run -2 "$wscat" probe ftp://a/
  run -2 "$wscat" probe --hop a=
  run -2 "$wscat" probe --hop a=ws://127.0.0.1:1/ --config b=/dev/null
  run -2 "$wscat" probe --hop a=ws://127.0.0.1:1/ --config a
}

@test "probe: hops from a file" {
  serve app
  printf -- '- name: front\n  url: %s\n- {name: app, url: "%s"}\n' "$url_app" "$url_app" >hops.yml
  run -0 "$wscat" probe --json --hops hops.yml
  [ "$(jq -r '[.ws.hops[].name] | join(" ")' <<<"$output")" = 'front app' ]
  printf -- '- name: x\n  nope: y\n' >hops.yml
  run -3 --separate-stderr "$wscat" probe --hops hops.yml
  [[ $stderr == *'line 2: "nope"'* ]]
}

@test "probe: two machines make one picture" {
  serve edge --reject 404
  serve app
  "$wscat" probe --json --hop "app=$url_app" >inner
  run -1 bash -c "'$wscat' probe --json --hop 'edge=$url_edge' - <inner"
  [ "$(jq -r '[.ws.hops[].name] | join(" ")' <<<"$output")" = 'edge app' ]
  [ "$(jq -r '.ws.verdict.hop' <<<"$output")" = edge ]
  # Judged again, it says the same; what others wrote stays.
  jq -c '. + {rotation: {x: 1}, findings: (.findings + [{id: "R1", tool: "credrotate"}])}' <<<"$output" >record
  run -1 bash -c "'$wscat' probe --json - <record"
  [ "$(jq -r '[.ws.verdict.hop, .rotation.x, ([.findings[].id] | sort | join(" "))] | @csv' <<<"$output")" = '"edge",1,"R1 WS-UNKNOWN"' ]
}

@test "probe: records that are not for it pass, lines that are none are named" {
  serve app
  printf '%s\n' '{"schema":"outbore/1","kind":"config","later":true}' 'nonsense' '{"schema":"outbore/2"}' \
    "{\"schema\":\"outbore/1\",\"kind\":\"rule\",\"target\":{\"url\":\"$url_app\"},\"ingress\":{\"a\":1}}" >records
  run -3 --separate-stderr bash -c "'$wscat' probe --json - <records"
  [ "$(jq -r .kind <<<"$output" | paste -sd ' ')" = 'config error error probe' ]
  [ "$(tail -n 1 <<<"$output" | jq -r '[.ingress.a, .ws.hops[0].ok] | @csv')" = 1,true ]
  [[ $stderr == *'line 2: not a record'*'line 3: a record of another major version'* ]]
}

@test "probe: formats for machines that build" {
  serve bad --reject 500
  serve app
  run -1 "$wscat" probe --format tap "$url_app" "$url_bad"
  [[ $output == "ok 1 - $url_app"*"not ok 2 - $url_bad"*'1..2' ]]
  run -1 "$wscat" probe --format junit "$url_app" "$url_bad"
  python3 -c 'import sys, xml.etree.ElementTree as e; r = e.fromstring(sys.argv[1]); assert len(r) == 2 and len(r.findall(".//failure")) == 1' "$output"
  run -1 "$wscat" probe --format github "$url_app" "$url_bad"
  [[ $output == "::error title="* ]]
}

@test "probe: worse than it was is a failure" {
  serve app
  "$wscat" probe --json --hop "app=$url_app" >before
  run -0 "$wscat" probe --expect before --hop "app=$url_app"
  stop app
  serve app --compression off
  run -1 "$wscat" probe --expect before --hop "app=$url_app"
  [[ $output == *'worse than expected: app: compressed, and does not'* ]]
}

@test "probe: idle, size" {
  serve app --max-size 5000
  run -1 "$wscat" probe --json --max-frame 10000 --hop "x=$url_app" --hop "app=$url_app"
  [ "$(jq -r '[.ws.verdict.cause, .ws.hops[1].size.passed, .ws.hops[1].size.close_code] | @csv' <<<"$output")" = '"WS-APP-06",5000,1009' ]
  printf 'wait 1200ms\ndrop\n' >script
  serve short --script script
  run -1 "$wscat" probe --json --idle 3s "$url_short"
  [ "$(jq -r '.ws.hops[0].idle.died_after_ms | . > 1100 and . < 2500' <<<"$output")" = true ]
}

@test "probe: --soak holds a connection and counts how often it is lost" {
  serve app
  run -0 "$wscat" probe --json --soak 1s "$url_app"
  [ "$(jq -r '.ws.hops[0] | [.soak.ms, .soak.drops, .ok] | @csv' <<<"$output")" = '1000,,true' ]
  printf 'wait 300ms\ndrop\n' >script
  serve shaky --script script
  run -1 "$wscat" probe --json --soak 1500ms --hop "edge=$url_shaky" --hop "app=$url_app"
  [ "$(jq -r '.ws | [.verdict.hop, .hops[0].soak.drops >= 2, .hops[1].soak.drops] | @csv' <<<"$output")" = '"edge",true,' ]
}

port_of() {
  local authority=${1#*://}
  authority=${authority%%/*}
  echo "${authority##*:}"
}

# has_client PORT: is a connection to it established?
has_client() {
  grep -q "^ *[0-9]*: 0100007F:$(printf %04X "$1") [0-9A-F:]* 01 " /proc/net/tcp
}

# Apache with WebSockets over HTTP/2, in front of the server at $behind.
apache_h2() {
  local modules=/usr/lib/apache2/modules
  cat <<END
ServerRoot "$PWD"
PidFile "$PWD/httpd.pid"
ErrorLog "$PWD/apache.log"
Listen 127.0.0.1:$port
ServerName localhost
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule http2_module $modules/mod_http2.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
Protocols h2 http/1.1
H2WebSockets on
SSLEngine on
SSLCertificateFile "$PWD/tls.crt"
SSLCertificateKeyFile "$PWD/tls.key"
ProxyPass / http://127.0.0.1:$behind/ upgrade=websocket
END
}

@test "probe: --soak over HTTP/2 notices an app that died behind a stream left open" {
  serve app
  behind=$(port_of "$url_app")
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -keyout tls.key -out tls.crt 2>/dev/null
  start_server apache apache_h2 /usr/sbin/apache2 -f "$PWD/apache.conf" -DFOREGROUND
  url=wss://127.0.0.1:$port/
  run -0 "$wscat" probe --json --http2 --insecure --soak 1s "$url"
  [ "$(jq -r '.ws.hops[0] | [.http.is_h2, .ok, .soak.silent] | @csv' <<<"$output")" = 'true,true,' ]
  # It dies in the middle of the soak.
  local visits
  visits=$(wc -l <app.out)
  start probe "$wscat" probe --json --http2 --insecure --soak 6s "$url"
  wait_for app.out . $((visits + 1)) # the visit before the soak
  within "$wait_s" has_client "$behind"
  signal app KILL
  ended probe
  [ "$exit_status" -eq 1 ]
  [ "$(jq -r '.ws | [.verdict.cause, .verdict.confidence.cause, .hops[0].soak.silent] | @csv' probe.out)" = '"WS-APACHE-24","possible",1' ]
  # Its configuration settles it.
  run -1 "$wscat" probe --json --config target=apache.conf - <probe.out
  [ "$(jq -r '.ws.verdict | [.cause, .confidence.cause] | @csv' <<<"$output")" = '"WS-APACHE-24","certain"' ]
}

@test "probe: included files are read, and named" {
  serve edge --reject 404
  serve app
  port=${url_edge##*:}
  port=${port%/} next=${url_app#ws://}
  mkdir -p nginx/sites nginx/snippets
  printf 'http {\n  include sites/*.conf;\n}\n' >nginx/nginx.conf
  printf 'server {\n  listen %s;\n  location / { include snippets/pass.conf; }\n}\n' "$port" >nginx/sites/b.conf
  printf '# nothing\n' >nginx/sites/a.conf
  printf '\nproxy_pass http://%s;\n' "${next%/}" >nginx/snippets/pass.conf
  run -1 "$wscat" probe --json --config edge=nginx/nginx.conf --hop "edge=$url_edge" --hop "app=$url_app"
  jq -e '.ws.hops[0].configuration[] | select(.id == "WS-NGINX-01") | .where == "nginx/snippets/pass.conf:2"' <<<"$output"
  # From the file of a site: names are looked up in the folders above too.
  run -1 "$wscat" probe --json --config edge=nginx/sites/b.conf --hop "edge=$url_edge" --hop "app=$url_app"
  jq -e '.ws.hops[0].configuration[] | select(.id == "WS-NGINX-01") | .where == "nginx/snippets/pass.conf:2"' <<<"$output"
  printf 'ServerRoot "%s"\nListen %s\nIncludeOptional nowhere/*.conf\nInclude "deep/pass.conf"\n' "$PWD/apache" "$port" >apache.conf
  mkdir -p apache/deep
  printf 'ProxyPass / http://%s\n' "$next" >apache/deep/pass.conf
  run -1 "$wscat" probe --json --config edge=apache.conf --hop "edge=$url_edge" --hop "app=$url_app"
  jq -e --arg where "$PWD/apache/deep/pass.conf:1" '.ws.hops[0].configuration[] | select(.id == "WS-APACHE-01") | .where == $where' <<<"$output"
  printf 'http://:%s {\n  import inner\n}\n' "$port" >Caddyfile
  printf 'reverse_proxy %s {\n  header_up -Upgrade\n}\n' "${next%/}" >inner
  run -1 "$wscat" probe --json --config edge=Caddyfile --hop "edge=$url_edge" --hop "app=$url_app"
  jq -e '.ws.hops[0].configuration[] | select(.id == "WS-CADDY-04") | .where == "inner:2"' <<<"$output"
}

@test "probe: files that include themselves, or are too many, end" {
  serve edge --reject 404
  printf 'server {\n  include loop.conf;\n  include loop.conf;\n  location / { proxy_pass http://127.0.0.1:1; }\n}\n' >loop.conf
  run -1 timeout 60 "$wscat" probe --json --config edge=loop.conf --hop "edge=$url_edge"
  jq -e '.ws.hops[0].product == "nginx"' <<<"$output"
  head -c 5000000 /dev/zero | tr '\0' '\n' >big.conf
  printf 'include big.conf;\nserver { location / { proxy_pass http://127.0.0.1:1; } }\n' >outer.conf
  run -1 timeout 60 "$wscat" probe --json --config edge=outer.conf --hop "edge=$url_edge"
  jq -e '.ws.hops[0].product == "nginx"' <<<"$output"
}

@test "probe: --color and --verbose" {
  serve edge --reject 404
  run -1 "$wscat" probe --color always "$url_edge"
  [[ $output == *$'\033[31m'* ]]
  run -1 "$wscat" probe --color never --verbose "$url_edge"
  [[ $output != *$'\033'* ]]
  [[ $output == *'upgrade '*'HTTP/1.1 404'*'plain '*'HTTP/1.1 426'*'slash '* ]]
  run -2 --separate-stderr "$wscat" probe --color blue "$url_edge"
  [[ $stderr == *'auto, always or never'* ]]
}

@test "probe: --deep asks hops that work further" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
    -subj /CN=test -addext 'subjectAltName=IP:127.0.0.1' 2>openssl.log
  serve app --cert cert.pem --key key.pem
  run -0 "$wscat" probe --json --deep -k "$url_app"
  [ "$(jq -r '.ws.hops[0].replies | keys | join(" ")' <<<"$output")" = 'http2 plain upgrade version_12 with_length' ]
  [ "$(jq -r '.ws.hops[0].replies | [.http2.opened, .http2.status, .version_12.status, .with_length.asked] | @csv' <<<"$output")" = 'true,200,426,' ]
  run -0 "$wscat" probe --json "$url_app" -k
  [ "$(jq -r '.ws.hops[0].replies | keys | join(" ")' <<<"$output")" = upgrade ]
  # A hop that fails over HTTP/1.1 is tried over HTTP/2 without being told to.
  serve bad --cert cert.pem --key key.pem --reject 404
  run -1 "$wscat" probe --json -k "$url_bad"
  [ "$(jq -r '.ws.hops[0].replies.http2.status' <<<"$output")" = 404 ]
}

@test "probe: nothing to reach is exit status 3" {
  run -3 "$wscat" probe ws://127.0.0.1:1/
  run -2 --separate-stderr "$wscat" probe
  [[ $stderr == *'nothing to probe'* ]]
  run -2 --separate-stderr "$wscat" probe --hop nothing
  [[ $stderr == *'not NAME=URL'* ]]
}

@test "explain: every cause has its page" {
  run -0 "$wscat" explain
  [ "${#lines[@]}" = 108 ]
  run -0 "$wscat" explain ws-nginx-07
  [[ $output == *'proxy_read_timeout 1h;'* ]]
  run -2 --separate-stderr "$wscat" explain WS-NGINX-99
  [[ $stderr == *'there is no WS-NGINX-99'* ]]
}

@test "probe: its records fit their schema" {
  serve edge --reject 403
  serve app
  "$wscat" probe --json --hop "edge=$url_edge" --hop "app=$url_app" >records || true
  "$wscat" probe --json "$url_app" >>records
  "$wscat" probe --json ws://127.0.0.1:1/ >>records || true
  /usr/bin/python3 - "$top/share/schema/probe.json" records <<'PY'
import json, sys, jsonschema
validator = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
records = [json.loads(line) for line in open(sys.argv[2])]
assert len(records) == 3
for record in records:
    validator.validate(record)
PY
}
