#!/usr/bin/env bats
# hdrcheck: what a user sees.

load lib

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  stop_all
}

# start_app: tests/peers/headers.py; its URL is in app.
start_app() {
  start app "$peers/headers.py"
  wait_for app.out '^ready '
  app=http://127.0.0.1:$(awk '{print $2}' "$(file_of app.out)")
}

# record URL STATUS [[NAME,VALUE]...]: a bare response.
record() {
  local url=$1 status=$2
  shift 2
  jq -nc --arg url "$url" --argjson status "$status" '{request_url: $url, status: $status,
    headers: [$ARGS.positional[] | split(": ") | [.[0], (.[1:] | join(": "))]]}' --args "$@"
}

good=('Content-Type: text/html' 'Strict-Transport-Security: max-age=63072000; includeSubDomains'
  "Content-Security-Policy: default-src 'none'; script-src 'self'; connect-src 'self' wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; report-uri /r"
  'X-Frame-Options: DENY' 'X-Content-Type-Options: nosniff' 'Referrer-Policy: no-referrer')

# ids OF WHAT: ids of the findings in the records of output.
ids() {
  jq -r '.findings[].id' <<<"$output" | sort | tr '\n' ' '
}

@test "the corpus: both algorithms give the Observatory's grades" {
  local algorithm key
  for algorithm in 4 6; do
    run -1 --separate-stderr bash -c \
      '"$0" --json --algorithm "$1" --preload "$2/preload.json" - <"$2/cases.jsonl" >out' "$hdrcheck" "$algorithm" \
      "$top/tests/corpus/headers"
    key=observatory
    [ "$algorithm" = 4 ] || key=observatory_next
    jq -r ".$key | [.grade, .score] | @tsv" "$top/tests/corpus/headers/cases.jsonl" >want
    jq -r '.headers.observatory | [.grade, .score] | @tsv' out >got
    [ "$(wc -l <got)" = 1737 ]
    cmp want got
  done
}

@test "score: 15 for an error, 5 for a warning, and no header costs more than 30" {
  for count in 0 2 6 7 40; do
    jq -nc --argjson n "$count" '{request_url: "https://a.example/", status: 200,
      headers: ([["content-type", "text/html"]] + [range($n) | ["set-cookie", "c\(.)=x"]])}'
  done | "$hdrcheck" --json - | jq .headers.score >got || true
  [ "$(paste -sd ' ' got)" = '60 50 30 30 30' ]
}

@test "a page without fault: exit status 0" {
  run -0 "$hdrcheck" --json - < <(record https://good.example/ 200 "${good[@]}")
  [ "$(jq -r '.status, .kind, .schema, .headers.observatory.grade' <<<"$output" | xargs)" = 'ok headers outbore/1 A+' ]
}

@test "findings say what browsers do, by header and column" {
  run -1 "$hdrcheck" --json - < <(record https://bad.example/ 200 'Content-Type: text/html' 'X-Frame-Options: DENY' \
    'X-Frame-Options: SAMEORIGIN' 'Strict-Transport-Security: max-age=1 x' "Permissions-Policy: geolocation 'none'" \
    'Set-Cookie: __Host-sid=topsecret; Path=/; Domain=bad.example' 'Server: nginx/1.22.1' \
    "Content-Security-Policy: script-src self 'unsafe-inline'; object-src https:")
  local id
  for id in xfo-conflict hsts-syntax permissions-syntax cookie-prefix cookie-insecure leak-version csp-keyword-quotes \
    csp-script-unsafe-inline csp-object csp-base-uri xcto-missing; do
    [[ " $(ids)" = *" $id "* ]] || fail_with "no $id in $(ids)"
  done
  [ "$(jq -r '.findings[] | select(.id == "hsts-syntax").column' <<<"$output")" = 11 ]
  [ "$(jq -r '.findings[] | select(.id == "permissions-syntax").column' <<<"$output")" = 13 ]
  [[ $(jq -r '.findings[] | select(.id == "permissions-syntax").message' <<<"$output") = *'looks like Feature-Policy'* ]]
  [[ $output != *topsecret* ]]
}

@test "a doubled X-Frame-Options works in browsers and fails at the Observatory: both are told" {
  run -0 "$hdrcheck" --json - < <(record https://twice.example/ 200 "${good[@]}" 'X-Frame-Options: DENY')
  [[ " $(ids)" = *' xfo-repeated '* ]]
  [ "$(jq -r '.headers.observatory.tests["x-frame-options"].result' <<<"$output")" = x-frame-options-implemented-via-csp ]
}

@test "several policies: what one forbids is forbidden" {
  run -0 "$hdrcheck" --json - < <(record https://two.example/ 200 "${good[@]}" \
    "Content-Security-Policy: script-src * 'unsafe-inline'; report-uri /r; connect-src *")
  [[ " $(ids)" != *' csp-script-'* ]] || fail_with "$(ids)"
}

@test "a policy that only reports is judged like one that is enforced" {
  local weak="Content-Security-Policy-Report-Only: script-src 'unsafe-inline' https:; report-uri /r"
  run -1 "$hdrcheck" --json - < <(record https://r.example/ 200 "${good[@]/Content-Security-Policy:*/X-A: 1}" "$weak")
  [ "$(jq -r '.findings[] | select(.header == "Content-Security-Policy-Report-Only").id' <<<"$output" | sort | xargs)" = \
    'csp-base-uri csp-form-action csp-frame-ancestors csp-object csp-report-only csp-script-broad csp-script-unsafe-inline' ]
  # Beside one that is enforced it protects from nothing and breaks nothing: what it lacks is told, and fails nobody.
  run -0 "$hdrcheck" --json - < <(record https://r.example/ 200 "${good[@]}" "$weak; base-uri 'none'; object-src 'none'")
  [ "$(jq -r '.findings[] | select(.id == "csp-report-only-weak").message' <<<"$output" | sed 's/if it were enforced, \([^:]*\).*/\1/' |
    sort | xargs)" = 'csp-form-action csp-frame-ancestors csp-script-broad csp-script-unsafe-inline' ]
}

@test "hosts that defeat a policy: the list that is built in, or another" {
  local csp="Content-Security-Policy: script-src https://ajax.googleapis.com https://cdn.evil.test 'nonce-AAAAAAAAAAAAAAAAAAAAAAAA'"
  record https://b.example/ 200 'Content-Type: text/html' "$csp" >in
  said() {
    "$hdrcheck" --json "$@" - <in | jq -r '.findings[] | select(.id == "csp-script-bypass-host") | .evidence + ": " + .message'
  }
  [[ $(said) = 'https://ajax.googleapis.com: '*' by the list of csp_evaluator 1.1.8 of 2026-05-27' ]]
  mkdir lists
  echo '{"urls": ["//cdn.evil.test/angular.js"]}' >lists/angular.json
  echo '{"urls": ["https://x.test/jsonp"], "needsEval": ["x.test"]}' >lists/jsonp.json
  echo '{"urls": []}' >lists/flash.json
  touch -d 2026-02-03 lists
  [[ $(said --bypass-list lists) = 'https://cdn.evil.test: '*' by the list of lists of 2026-02-03' ]]
  jq -n '{date: "2026-01-01", angular: input, flash: input, jsonp: input}' lists/angular.json lists/flash.json lists/jsonp.json >list.json
  [[ $(said --bypass-list list.json) = 'https://cdn.evil.test: '*' by the list of list.json of 2026-01-01' ]]
  # csp_evaluator's own findings go by it too.
  [ "$("$hdrcheck" --json --bypass-list lists - <in | jq -r '.headers.csp[] | select(.type == "SCRIPT_ALLOWLIST_BYPASS") | .severity' | xargs)" = \
    'MEDIUM_MAYBE HIGH' ]
  rm lists/flash.json
  run -3 "$hdrcheck" --bypass-list lists - <in
  [[ $output = *'lists/flash.json: '* ]]
  echo '{"angular": {"urls": [7]}}' >list.json
  run -3 "$hdrcheck" --bypass-list list.json - <in
  [[ $output = *'list.json: angular, entry 1: an entry is no text'* ]]
}

# page URL HTML [HEADER...]: a bare response with a body.
page() {
  local url=$1 html=$2
  shift 2
  record "$url" 200 "$@" | jq -c --arg body "$html" '.body_snippet = $body'
}

@test "what an HTTPS page loads over plain HTTP" {
  local html='<base href="/x"><link rel=canonical href=http://a/><link rel="alternate stylesheet" href=http://a/s.css>
    <link rel=icon href=http://a/i.png><img src=" HTTP://a/1.png"><img src=http://a/2.png srcset="b.png 1x, http://a/3.png 2x">
    <video poster=http://a/p.png><source src=http://a/v.mp4><track src=http://a/t.vtt></video><iframe src=http://a/f></iframe>
    <object data=http://a/o></object><form action=http://a/login><button formaction=https://a/ok></button></form>
    <a href=http://a/>a</a><template><img src=http://a/no></template><noscript><img src=http://a/no></noscript>
    <img src=//a/4.png><img src="https://a/http://b">'
  run -1 "$hdrcheck" --json - < <(page https://a.example/ "$html" "${good[@]}")
  [ "$(jq -r '.findings[] | select(.id | test("^(mixed|form)")) | .message' <<<"$output")" = \
    '5 over plain HTTP; the first, of <link>: http://a/i.png
5 over plain HTTP; the first, of <link>: http://a/s.css
1 over plain HTTP; the first, of <form>: http://a/login' ]
  # A policy that upgrades requests mends it, and on plain HTTP there is nothing mixed.
  run -0 "$hdrcheck" --json - < <(page https://a.example/ "$html" "${good[@]}" 'Content-Security-Policy: upgrade-insecure-requests; report-uri /r')
  [[ " $(ids)" != *' mixed-'* ]]
  run "$hdrcheck" --json - < <(page http://a.example/ "$html" "${good[@]}")
  [[ " $(ids)" != *' mixed-'* && " $(ids)" != *' form-over'* ]]
}

# --- Records ---

@test "records of other tools keep what they have, others pass, broken lines are told and the rest goes on" {
  {
    record https://one.example/ 200 "${good[@]}" | jq -c '{schema: "outbore/1", kind: "probe", tool: "wscat", extra: 1,
      target: {url: "https://one.example/"}, status: "warn", ws: {a: 1},
      findings: [{id: "x", tool: "wscat", severity: "warning"}], response: .}'
    echo '{"schema":"outbore/1","kind":"config","tool":"ingress-lint","target":{"file":"a.yml"}}'
    echo 'no json'
    echo '[]'
    echo '{"schema":"other/9","target":{"url":"https://x.example/"}}'
    record https://two.example/ 200 "${good[@]}"
  } >in
  run -3 --separate-stderr "$hdrcheck" --json - <in
  [ "$(jq -r .kind <<<"$output" | xargs)" = 'headers config error error error headers' ]
  [ "$(jq -sc '.[0] | [.extra, .ws.a, .status, .findings[0].id, .tool]' <<<"$output")" = '[1,1,"warn","x","hdrcheck"]' ]
  [ "$(sed -n 2p in)" = "$(sed -n 2p <<<"$output")" ]
  [[ $stderr = *'standard input, line 3: not a record'* ]]
}

@test "records fit their schema" {
  "$hdrcheck" --json --preload "$top/tests/corpus/headers/preload.json" - <"$top/tests/corpus/headers/cases.jsonl" >records || true
  start_app
  "$hdrcheck" --json --profile api --hop "a=$app/?header=X-A:1" --hop "b=$app/" >>records || true
  /usr/bin/python3 - "$top/share/schema/headers.json" records <<'PY'
import json, sys, jsonschema
validator = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
lines = open(sys.argv[2]).readlines()
assert len(lines) == 1738
for line in lines[::50] + lines[-1:]:
    validator.validate(json.loads(line))
PY
}

@test "a line of standard input that is too long is told, and not kept" {
  {
    head -c 200000000 /dev/zero | tr '\0' a
    echo
    record https://one.example/ 200 "${good[@]}"
    printf '[[[%.0s' $(seq 3000)
    printf '\n{"request_url":"https://a.example/","status":200,"headers":[["A","\xff"]]}\n\0\n{"request_url":"https://a.exa'
  } >in
  local used bound=40000
  ! ldd "$hdrcheck" | grep -q libasan || bound=600000
  used=$(peak "$hdrcheck" --json - <in 2>errors)
  ((used < bound)) || fail_with "it held $used KiB"
  [ "$(jq -r .kind peak.out | xargs)" = 'error headers error error error error' ]
  [[ $(head -n 1 errors) = *'line 1: not a record: longer than is allowed' ]]
}

@test "judging its own output again changes nothing" {
  record https://one.example/ 200 "${good[@]}" 'Set-Cookie: a=b' | "$hdrcheck" --json - | jq -c 'del(.took_ms)' >one
  "$hdrcheck" --json - <one | jq -c 'del(.took_ms)' >two
  [ -s one ]
  diff <(jq -S . one) <(jq -S . two)
}

@test "captures of curl -i are judged" {
  printf 'HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\nHTTP/2 200 \r\ncontent-type: text/html\r\nserver: x/1\r\n\r\n<p>' >capture
  run -1 "$hdrcheck" --json --from-curl capture https://curl.example/
  [[ " $(ids)" = *' leak-version '* ]]
  printf 'nonsense' >capture
  run -3 "$hdrcheck" --from-curl capture https://curl.example/
  [[ $output = *'capture: not a capture of curl -i'* ]]
}

# --- Fetching ---

@test "redirects are followed, and each step is judged" {
  start_app
  run -1 "$hdrcheck" --json "$app/?status=302&header=Location:/b%3Fheader=Content-Type:text/html&header=X-Powered-By:PHP"
  [ "$(jq -r .response.request_url <<<"$output")" = "$app/b?header=Content-Type:text/html" ]
  [ "$(jq -r '.findings[] | select(.id == "leak-product").url' <<<"$output")" = \
    "$app/?status=302&header=Location:/b%3Fheader=Content-Type:text/html&header=X-Powered-By:PHP" ]
  [ "$(jq -r '.response.http_chain | length' <<<"$output")" = 2 ]
}

@test "what cannot be fetched is one error each, the rest goes on in order" {
  start_app
  run -3 --separate-stderr "$hdrcheck" --json --timeout 5s "$app/?status=302&header=Location:/elsewhere" \
    http://127.0.0.1:1/ http://no-such-host.invalid/ ftp://x/ "$app/endless" "https://${app#http://}/" "$app/?header=X:1"
  [ "$(jq -r .kind <<<"$output" | xargs)" = 'headers error error error headers error headers' ]
  [[ $stderr = *'http://127.0.0.1:1/: connect: '*'no-such-host.invalid/: resolve: '* ]]
}

@test "a redirect loop ends" {
  start_app
  run -3 "$hdrcheck" --max-redirs 3 "$app/loop"
  [[ $output = *'too many redirects'* ]]
}

@test "too many and too large headers are refused" {
  start_app
  local many
  many=$(printf 'header=X-A:1&%.0s' $(seq 600))
  run -3 "$hdrcheck" "$app/?$many"
  [[ $output = *'more headers than are allowed'* ]]
}

@test "progress: on a terminal alone, and only when it takes long" {
  start_app
  local slow="$app/?wait=1.1"
  TERM=xterm script -qec "'$hdrcheck' --json '$slow&a' '$app/b' >out" tty >/dev/null || true
  grep -q '0 of 2, 1s' tty
  [ "$(wc -l <out)" = 2 ]
  TERM=xterm script -qec "'$hdrcheck' --json '$app/b' >out" tty >/dev/null || true
  run grep -c ' of ' tty
  [ "$output" = 0 ]
  run -1 --separate-stderr "$hdrcheck" --json "$slow"
  [ -z "$stderr" ]
}

@test "hostile servers: one clear error each, the rest goes on, and memory stays small" {
  start hostile "$peers/headers_hostile.py"
  wait_for hostile.out '^ready '
  local url names used bound=40000
  ! ldd "$hdrcheck" | grep -q libasan || bound=600000
  url=http://127.0.0.1:$(awk '{print $2}' hostile.out)
  cat >want <<'WANT'
bomb: headers
bombs-in-bombs: error Reject response due to more than 5 content encodings
no-gzip: error Error while processing content unencoding
many-lines: error more headers than are allowed
long-line: error the head of the response is larger than is allowed
interim: error the head of the response is larger than is allowed
endless: headers
no-head: error Operation timed out
no-end: headers
not-utf8: headers
nul: error Nul byte in header
silence: error Empty reply from server
garbage: error Received HTTP/0.9 when not allowed
version: error Unsupported HTTP version
short: error transfer closed with 997 bytes remaining
lengths: headers
folded: error a header is folded over two lines
loop: error too many redirects
to-a-file: headers
good: headers
WANT
  mapfile -t names < <(cut -d: -f1 want)
  used=$(peak "$hdrcheck" --json --timeout 2s "${names[@]/#/$url/}" 2>errors)
  ((used < bound)) || fail_with "it held $used KiB"
  jq -r '[.target.url, .kind, (.findings[] | select(.id == "not-judged").message)] | join(" ")' peak.out | sed "s|^$url/||" >got
  # Each line begins with what is wanted of it.
  paste -d '\n' want got | sed 'N; s/^\([^:]*\): \(.*\)\n/\1 \2\n/' | awk 'NR % 2 { want = $0; next } index($0, want) != 1 { print want " / " $0; bad = 1 }
    END { exit NR != 40 || bad }'
  [ "$(grep -c '^hdrcheck: http' errors)" = 13 ]
  jq -se '.[] | select(.target.url | endswith("/lengths")) | .findings | any(.id == "header-repeated" and .header == "Content-Length")' peak.out
}

# peak COMMAND...: the most memory that it held, in KiB; its output goes to peak.out.
peak() {
  python3 -c 'import os, sys
pid = os.fork()
if pid == 0:
    os.dup2(os.open("peak.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
    os.execv(sys.argv[1], sys.argv[1:])
print(os.wait4(pid, 0)[2].ru_maxrss)' "$@"
}

@test "a thousand targets in one call, in the memory of a few" {
  start_app
  local urls used bound=40000
  ! ldd "$hdrcheck" | grep -q libasan || bound=600000 # shadow, red zones, quarantine
  mapfile -t urls < <(for i in $(seq 1000); do echo "$app/$i?header=Content-Type:text/html&size=20000"; done)
  used=$(peak "$hdrcheck" --json "${urls[@]}")
  diff <(printf '%s\n' "${urls[@]}") <(jq -r .target.url peak.out)
  ((used < bound)) || fail_with "it held $used KiB"
}

@test "a certificate that does not hold: refused, or reported with --insecure" {
  start edge "$tunnel" edge --json --dev dev --listen 127.0.0.1:0 --tunnel-listen 127.0.0.1:0
  wait_for edge.out '"event":"ready"'
  local url
  url=https://$(value '.listen[] | select(.role == "public-tls").address' edge)/
  run -3 "$hdrcheck" "$url"
  [[ $output = *': TLS: '* ]]
  run -1 "$hdrcheck" --json --insecure "$url"
  [[ " $(ids)" = *' certificate-invalid '* ]]
  [ "$(jq -r .response.https <<<"$output")" = invalid ]
}

@test "a nonce that is the same twice" {
  start_app
  local csp='header=Content-Type:text/html&header=Content-Security-Policy:script-src%20%27nonce-'
  run -1 "$hdrcheck" --json "$app/?${csp}AAAAAAAAAAAAAAAAAAAAAAAA%27"
  [[ " $(ids)" = *' csp-static-nonce '* ]]
  run -1 "$hdrcheck" --json "$app/?${csp}FRESH%27"
  [[ " $(ids)" != *' csp-static-nonce '* ]]
}

@test "CORS: reflected, and compared by its end alone" {
  start_app
  run -1 "$hdrcheck" --json "$app/cors?end="
  [[ " $(ids)" = *' cors-no-vary cors-reflects-origin '* ]]
  run -1 "$hdrcheck" --json "$app/cors?end=127.0.0.1&header=Vary:Origin"
  [ "$(jq -r '.findings[] | select(.id | startswith("cors-")) | .evidence' <<<"$output")" = https://evil127.0.0.1 ]
}

@test "a header of the user's own goes to the origin that he named alone" {
  start_app
  local one=$app
  run -1 "$hdrcheck" --json -H 'X-Secret: s3' "$one/?header=Content-Type:text/html"
  [[ $(jq -c .response.headers <<<"$output") = *'["X-Saw","s3"]'* ]]
  run -1 "$hdrcheck" --json -H 'X-Secret: s3' "${one/127.0.0.1/localhost}/?status=302&header=Location:$one/"
  [[ $(jq -c .response.headers <<<"$output") != *X-Saw* ]]
}

@test "a WebSocket handshake in another site's name" {
  start_app
  run -1 "$hdrcheck" --json "ws${app#http}/live"
  [[ " $(ids)" = *' ws-any-origin '* ]]
  [ "$(jq -r .response.status <<<"$output")" = 101 ]
}

@test "paths of a site" {
  start_app
  run -1 "$hdrcheck" --json --paths 'ws:/live,/ok' "$app/x"
  [ "$(jq -r '.target.url, .response.status' <<<"$output" | xargs)" = "ws://${app#http://}/live 101 $app/ok 200" ]
  run -1 "$hdrcheck" --json --paths '/a?status=404,b' "$app/x"
  [ "$(jq -r '.target.url' <<<"$output" | xargs)" = "$app/a?status=404 $app/b" ]
  [ "$(jq -r '.headers.observatory.error // "none"' <<<"$output" | xargs)" = 'status-not-scanned none' ]
}

@test "beside the page: what gets lost on a missing page, an asset, a 304, by HEAD and on plain HTTP" {
  credentials web
  start_app
  printf 'hosts:\n  app.example:\n    paths: /\n    set: {Strict-Transport-Security: max-age=63072000; includeSubDomains}\n' >policy.yaml
  start_edge --credentials web.json --route 'app.example=web' --headers policy.yaml
  start_connector connector --url "$app"
  local page='/?header=Content-Type:text/html&header=X-Content-Type-Options:nosniff&header=Referrer-Policy:no-referrer&header=ETag:"1"'
  page+='&get=X-Frame-Options:DENY&body=<script%20src=//other.example/x.js></script><link%20rel=stylesheet%20href=/s.css?header=Content-Type:text/css>'
  "$hdrcheck" --json --deep --cacert "$cacert" --connect-to "app.example:443:$edge_tls" --connect-to "app.example:80:$edge_http" \
    "https://app.example$page" >out || true
  diff - <(jq -c '.headers.deep[] | [.what, (.url | sub("[?]header.*"; "?")), .status, .lacks, .differs]' out) <<'WANT'
["missing page","https://app.example/hdrcheck.no.such.page",200,["Strict-Transport-Security","X-Content-Type-Options","X-Frame-Options","Referrer-Policy"],[]]
["HEAD","https://app.example/?",200,[],["X-Frame-Options"]]
["asset","https://app.example/s.css?",200,["Strict-Transport-Security","X-Content-Type-Options"],[]]
["unchanged","https://app.example/?",304,[],[]]
["plain HTTP","http://app.example/?",200,[],[]]
WANT
  [ "$(jq -r '.findings[] | select(.id == "header-lost").message' out | sort | uniq -c | xargs)" = \
    '2 asset (200): not there, while the page has it 4 missing page (200): not there, while the page has it' ]
  [ "$(jq -r '.findings[] | select(.id == "header-unstable") | .header + " " + .message' out)" = \
    'X-Frame-Options by HEAD: not there, while a GET of the page has it' ]
  # What the page lacks itself is told once.
  [ "$(jq -r '.findings[] | select(.id == "csp-missing").url' out)" = null ]
  "$hdrcheck" --json "$app$page" | jq -e '.headers | has("deep") | not'
}

# --- Hops, policies, drift ---

@test "hops: who added, changed, dropped and doubled" {
  start_app
  local html='header=Content-Type:text/html'
  run -1 "$hdrcheck" --json \
    --hop "edge=$app/?$html&header=X-Frame-Options:DENY&header=X-Frame-Options:SAMEORIGIN&header=Referrer-Policy:origin" \
    --hop "app=$app/?$html&header=X-Frame-Options:SAMEORIGIN&header=Referrer-Policy:no-referrer&header=X-Content-Type-Options:nosniff"
  [ "$(jq -r '.headers.hops[0].changes[] | .header + "=" + .change' <<<"$output" | sort | xargs)" = \
    'Referrer-Policy=changed X-Content-Type-Options=removed X-Frame-Options=doubled' ]
  [ "$(jq -r '.findings[] | select(.id == "xfo-conflict").where' <<<"$output")" = edge ]
  [[ $(jq -r '.findings[] | select(.id == "hop-doubled").message' <<<"$output") = *'in front: Apache httpd'* ]]
}

@test "hops: the line to look at, by product where the answers tell which it is" {
  start_app
  # look HEADERS OF THE HOP: what is said of X-Frame-Options, which the application sends too.
  look() {
    "$hdrcheck" --json --hop "hop=$app/?$1" --hop "app=$app/?header=Server:app&header=X-Frame-Options:SAMEORIGIN&header=X-Gone:1" |
      jq -r '.headers.hops[0] | [.product, (.changes[] | select(.header == "X-Frame-Options" or .header == "x-frame-options").look)] | join(" | ")'
  }
  local deny=header=X-Frame-Options:DENY own=header=X-Frame-Options:SAMEORIGIN
  [ "$(look "header=Server:nginx&$deny")" = \
    'nginx | nginx: proxy_hide_header X-Frame-Options with add_header X-Frame-Options' ]
  [ "$(look "header=Server:nginx/1.22.1")" = 'nginx | nginx: proxy_hide_header X-Frame-Options' ]
  [ "$(look "header=Server:Caddy&header=Server:app&$deny&$own")" = \
    'Caddy | Caddy: header X-Frame-Options, which wants header_down -X-Frame-Options in reverse_proxy' ]
  [[ $(look "header=cf-ray:1&$deny") = 'edge | edge: set or strengthen of X-Frame-Options in the file of --headers' ]]
  [[ $(look "header=Server:app&$deny") = ' | nginx: '*'; Apache httpd: Header set '*'; HAProxy: '*'; Caddy: '* ]]
  # A value that the hop takes from what is behind it is of no product.
  run -1 "$hdrcheck" --hop "hop=$app/?header=Server:nginx&$own" --hop "app=$app/?header=Server:nginx&$deny"
  [[ $output = *'look at nginx: proxy_hide_header X-Frame-Options with'*'; Caddy: '* ]]
}

@test "what the policy would overwrite: the application's values, and whether they were stronger" {
  start_app
  cat >policy.yaml <<'YAML'
rules:
  - set:
      X-Frame-Options: SAMEORIGIN
      Strict-Transport-Security: max-age=3600
      Referrer-Policy: no-referrer
      Content-Security-Policy: upgrade-insecure-requests
      X-Content-Type-Options: nosniff
      Permissions-Policy: geolocation=()
    set-if-absent: {Cross-Origin-Opener-Policy: unsafe-none}
YAML
  local html=header=Content-Type:text/html page
  page="$html&header=X-Frame-Options:DENY&header=Strict-Transport-Security:max-age=31536000&header=Referrer-Policy:origin"
  page+="&header=Content-Security-Policy:default-src%20'self'&header=X-Content-Type-Options:nosniff"
  page+="&header=Permissions-Policy:geolocation=()&header=Cross-Origin-Opener-Policy:same-origin"
  # The outer hop is the edge with the policy already: what counts is what the application sends.
  run -1 "$hdrcheck" --json --policy policy.yaml --hop "edge=$app/?$html" --hop "app=$app/?$page"
  [ "$(jq -r '.headers.policy.overwrites[] | "\(.line) \(.header) \(.stronger)"' <<<"$output")" = \
    $'3 X-Frame-Options true\n4 Strict-Transport-Security true\n5 Referrer-Policy false\n6 Content-Security-Policy true' ]
  [ "$(jq -r '.findings[] | select(.id | startswith("overwrite-")) | .id + " " + .where' <<<"$output" | sort | uniq -c | xargs)" = \
    '1 overwrite-different app 3 overwrite-stronger app' ]
  run -1 "$hdrcheck" --policy policy.yaml "$app/?$page"
  [[ $output = *'overwrite-stronger'*'line 3 of the policy puts "SAMEORIGIN" in its place'* ]]
}

@test "hdrcheck: a cookie of a hop's own beside that of the app is added, the same one twice is doubled" {
  start_app
  run --separate-stderr "$hdrcheck" --json --hop "lb=$app/a?header=Set-Cookie:sid=1&header=Set-Cookie:SRV=b" \
    --hop "app=$app/b?header=Set-Cookie:sid=2"
  [ "$(jq -c '[.findings[].id | select(startswith("hop-"))]' <<<"$output")" = '[]' ] || fail_with "$output"
  run --separate-stderr "$hdrcheck" --json --hop "lb=$app/a?header=Set-Cookie:sid=1&header=Set-Cookie:sid=3" \
    --hop "app=$app/b?header=Set-Cookie:sid=2"
  [ "$(jq -c '[.findings[].id | select(startswith("hop-"))]' <<<"$output")" = '["hop-doubled"]' ]
}

@test "hdrcheck: the value of a cookie without a name is left out too" {
  run -1 --separate-stderr "$hdrcheck" --json - < <(record https://a.example/ 200 'Set-Cookie: topsecret; Path=/' 'Set-Cookie: =topsecret')
  [ "$(jq -c '[.response.headers[][1]]' <<<"$output")" = '["...; Path=/","=..."]' ]
  [[ $output != *topsecret* ]]
}

@test "hops that a record names are compared, and their record kept" {
  start_app
  jq -nc --arg app "$app" '{schema: "outbore/1", kind: "match", tool: "ingress-lint", x: 1, target: {url: "https://never.invalid/",
    hops: [{name: "edge", url: ($app + "/?header=X-Frame-Options:DENY&header=X-Frame-Options:DENY")}, {name: "app", url: ($app + "/")}]}}' >in
  run -1 "$hdrcheck" --json - <in
  [ "$(jq -c '[.x, .target.url, .headers.hops[0].name, .headers.hops[0].changes[0].change]' <<<"$output")" = \
    '[1,"https://never.invalid/","edge","doubled"]' ]
  run -3 "$hdrcheck" --json --hop "edge=$app/" --hop app=http://127.0.0.1:1/
  [[ $output = *'hop app: http://127.0.0.1:1/: connect: '* ]]
}

@test "hops that were measured further inside stand behind those that are asked here" {
  start_app
  local html=header=Content-Type:text/html deny=header=X-Frame-Options:DENY
  "$hdrcheck" --json --hop "proxy=$app/p?$html&$deny&header=Server:nginx" --hop "app=$app/a?$html&header=Set-Cookie:sid=secret1" >inside || true
  # As if the two were out of reach.
  sed "s|$app|http://10.9.8.7|g" inside >elsewhere
  run -1 --separate-stderr "$hdrcheck" --json --hop "edge=$app/e?$html&$deny&$deny" - <elsewhere
  [ "$(jq -c '[.target.url, .response.request_url, (.headers.hops[] | [.name, .url, .product])]' <<<"$output")" = \
    "[\"$app/e?$html&$deny&$deny\",\"$app/e?$html&$deny&$deny\",[\"edge\",\"$app/e?$html&$deny&$deny\",null],[\"proxy\",\"http://10.9.8.7/p?$html&$deny&header=Server:nginx\",\"nginx\"],[\"app\",\"http://10.9.8.7/a?$html&header=Set-Cookie:sid=secret1\",null]]" ]
  [ "$(jq -r '.headers.hops[] | .name + ": " + (.changes | map(.header + " " + .change) | sort | join(", "))' <<<"$output")" = \
    $'edge: Server removed, X-Frame-Options doubled\nproxy: Server added, Set-Cookie removed, X-Frame-Options added\napp: ' ]
  [ "$(jq -r '.findings[] | select(.id == "xfo-repeated").where' <<<"$output")" = edge ]
  # Alone they are compared again, with the same result.
  "$hdrcheck" --json - <elsewhere | jq -S 'del(.took_ms)' >again || true
  diff <(jq -S 'del(.took_ms)' elsewhere) again
  # A single page from inside is a hop as well.
  run -0 --separate-stderr "$hdrcheck" --json --fail-on error --profile worker - <<<'{"schema":"outbore/1","target":{"file":"x"}}'
  record http://10.9.8.7:3000/ 200 'Content-Type: text/html' 'X-Frame-Options: SAMEORIGIN' >page
  run "$hdrcheck" --json --hop "edge=$app/?$html&$deny" - <page
  [ "$(jq -c '[.headers.hops[].name], .headers.hops[0].changes[0].change' <<<"$output" | xargs)" = '[edge,10.9.8.7:3000] changed' ]
  [[ $(jq -r '.headers.hops[1].response.headers | tostring' <inside) != *secret1* ]]
}

@test "a HAR of a browser, taken apart by jq" {
  cat >page.har <<'HAR'
{"log": {"entries": [{"request": {"url": "https://a.example/"}, "response": {"status": 200, "headers": [
  {"name": "content-type", "value": "text/html"}, {"name": "server", "value": "x/1.2"}], "content": {"text": "<script src=http://b.example/x.js></script>"}}}]}}
HAR
  jq -c '.log.entries[] | {request_url: .request.url, status: .response.status,
    headers: [.response.headers[] | [.name, .value]], body_snippet: .response.content.text}' page.har >in
  run -1 "$hdrcheck" --json - <in
  [[ " $(ids)" = *' leak-version '*'script-over-http '* ]]
}

@test "a policy: met, missing, different, weaker, forbidden" {
  cat >policy.yaml <<'YAML'
rules:
  - types: text/html
    set: {X-Frame-Options: DENY}
    set-if-absent: {Referrer-Policy: no-referrer}
    strengthen: {Strict-Transport-Security: max-age=31536000}
    remove: Server
YAML
  run -0 "$hdrcheck" --json --policy policy.yaml - < <(record https://a.example/ 200 "${good[@]}")
  [ "$(jq -c '.headers.policy | [.name, .met]' <<<"$output")" = '["policy.yaml",true]' ]
  run -1 "$hdrcheck" --json --policy policy.yaml - < <(record https://a.example/ 200 'Content-Type: text/html' \
    'X-Frame-Options: SAMEORIGIN' 'Strict-Transport-Security: max-age=5' 'Server: x')
  [ "$(jq -r '.findings[] | select(.id | startswith("policy-")) | .id + "=" + .header' <<<"$output" | sort | xargs)" = \
    'policy-different=X-Frame-Options policy-forbidden=Server policy-missing=Referrer-Policy policy-weaker=Strict-Transport-Security' ]
  run -0 "$hdrcheck" --policy policy.yaml - < <(record https://a.example/x.css 200 'Content-Type: text/css')
  echo 'rules: [{sett: {}}]' >policy.yaml
  run -3 "$hdrcheck" --policy policy.yaml https://a.example/
  [[ $output = *'policy.yaml: line 1: no key of a rule: "sett"'* ]]
}

@test "the profiles are the files of share/policies, and each meets itself" {
  local profile wanted
  for profile in worker baseline grafana api owasp strict; do
    run -1 "$hdrcheck" --profile "$profile" --suggest edge - < <(record https://a.example/ 200 'Content-Type: text/html')
    mapfile -t wanted < <(sed -n "s/^  - set: {\([^:]*\): '\(.*\)'}$/\1: \2/p" <<<"$output" | sed "s/''/'/g")
    ((${#wanted[@]} > 3))
    run -1 "$hdrcheck" --profile "$profile" - < <(record https://a.example/ 200 'Content-Type: text/html' "${wanted[@]:1}")
    run -0 "$hdrcheck" --profile "$profile" - < <(record https://a.example/ 200 'Content-Type: text/html' "${wanted[@]}")
    cmp <("$hdrcheck" --policy "$top/share/policies/$profile.yaml" --json - < <(record \
      https://a.example/ 200 'Content-Type: text/html') | jq -c .findings) <("$hdrcheck" --profile "$profile" --json - \
      < <(record https://a.example/ 200 'Content-Type: text/html') | jq -c .findings)
  done
  run -1 "$hdrcheck" --json --profile observatory - < <(record https://a.example/ 200 'Content-Type: text/html')
  run -0 "$hdrcheck" --json --profile observatory - < <(record https://a.example/ 200 "${good[@]}")
}

@test "drift from a saved run" {
  record https://a.example/ 200 "${good[@]}" "Content-Security-Policy-Report-Only: script-src 'nonce-AAAAAAAAAAAAAAAAAAAAAAAA'; report-uri /r" 'Date: x' |
    "$hdrcheck" --json - >saved || true
  run -0 "$hdrcheck" --json --expect saved - < <(record https://a.example/ 200 "${good[@]}" \
    "Content-Security-Policy-Report-Only: script-src 'nonce-BBBBBBBBBBBBBBBBBBBBBBBB'; report-uri /r" 'Date: y')
  run -1 "$hdrcheck" --json --expect saved - < <(record https://a.example/ 200 "${good[@]:0:5}" 'X-New: 1')
  [ "$(jq -r '.findings[] | select(.id == "drift").header' <<<"$output" | sort | xargs)" = \
    'Content-Security-Policy-Report-Only Referrer-Policy X-New' ]
}

@test "grades and severities decide the exit status" {
  local hsts=('Content-Type: text/html' 'Strict-Transport-Security: max-age=63072000')
  run -1 "$hdrcheck" - < <(record https://a.example/ 200 "${hsts[@]}")
  run -1 "$hdrcheck" --grade-at-least A+ --profile worker - < <(record https://a.example/ 200 "${hsts[@]}")
  run -0 "$hdrcheck" --grade-at-least A - < <(record https://a.example/ 200 "${good[@]}")
  run -0 "$hdrcheck" --fail-on error - < <(record https://a.example/ 200 "${good[@]}" 'Server: x/1')
  run -1 "$hdrcheck" --fail-on warning - < <(record https://a.example/ 200 "${good[@]}" 'Server: x/1')
}

# --- Formats ---

@test "SARIF, JUnit and workflow commands" {
  record https://a.example/ 200 'Content-Type: text/html' 'Set-Cookie: a"<&=1' >in
  run -1 "$hdrcheck" --format sarif - <in
  [ "$(jq -r '.version, (.runs[0].results | map(.ruleId) | index("hsts-missing") != null),
    .runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri' <<<"$output" | xargs)" = '2.1.0 true https://a.example/' ]
  run -1 "$hdrcheck" --format junit - <in
  python3 -c 'import sys, xml.dom.minidom as m
d = m.parseString(sys.stdin.read()); assert d.getElementsByTagName("failure")' <<<"$output"
  run -1 "$hdrcheck" --format github - <in
  [[ $output = *'::error title=hsts-missing::https://a.example/: '* ]]
}

@test "bytes of a response do not drive the terminal" {
  printf '{"request_url":"https://a.example/","status":200,"headers":[["Server","\\u001b[31m1\\u0007"]]}\n' >in
  run -1 "$hdrcheck" --color never - <in
  [[ $output != *$'\e'* && $output = *'\x1b[31m1\x07'* ]]
}

# hostile HEADER BODY: a response of these, Python expressions, is judged within half a minute.
hostile() {
  python3 -c 'import json, sys
letters = "abcdefghijklmnopqrstuvwxyz"
names = [a + b + c for a in letters for b in letters for c in letters]
print(json.dumps({"request_url": "https://a.example/", "status": 200, "headers": [["Content-Type", "text/html"], eval(sys.argv[1])],
  "body_snippet": eval(sys.argv[2])}))' "$1" "$2" >in
  run -1 timeout 60 "$hdrcheck" --json - <in
  [ "$(jq -r .kind <<<"$output")" = headers ]
}

@test "the time for a hostile answer is bounded" {
  hostile '["Content-Security-Policy", ";".join(names[:16000])]' '""'
  hostile '["Content-Security-Policy", "script-src " + " ".join(n + ".x" for n in names[:12000])]' '""'
  hostile '["Permissions-Policy", ", ".join(n + "=()" for n in names[:10000])]' '""'
  hostile '["X-A", "1"]' '"".join("<b a%d=1>" % i for i in range(12000)) + "<p>" * 20000'
  hostile '["X-A", "1"]' '"<div>" * 52000'
}

# --- Usage ---

@test "hdrcheck: options of the connection that would be dropped unsaid are usage errors" {
  local option
  for option in --header=bad $'--header=A: b\r\nX: y' '--header=a b: c' --connect-to=x --connect-to=a:b:c:d \
    --connect-to=a:80:b:80:c --resolve=x --resolve=a:80 --resolve=a:80:b --resolve=a:x:127.0.0.1; do
    run -2 --separate-stderr "$hdrcheck" "$option" http://127.0.0.1:1/
    [[ $stderr == "hdrcheck: ${option%%=*}"* ]] || fail_with "$option: $stderr"
  done
  run -2 --separate-stderr "$hdrcheck" --http1.1 --http2 http://127.0.0.1:1/
  [[ $stderr == *'exclude each other'* ]]
  run -2 --separate-stderr "$hdrcheck" --hop a=http://127.0.0.1:1/ --hop a=http://127.0.0.1:2/
  [[ $stderr == *'the name is taken'* ]]
  start_app
  for option in --header=A:b --header=A: --connect-to=::: --connect-to='[::1]:80:127.0.0.1:81' --connect-to=::127.0.0.1: \
    --resolve=a:80:127.0.0.1 '--resolve=+a:80:[::1],127.0.0.1' --resolve=-a:80 '--resolve=*:80:::1'; do
    run --separate-stderr "$hdrcheck" -q "$option" "$app/"
    [[ $status != [23] ]] || fail_with "$option: $status $stderr$output"
  done
}

@test "hdrcheck: a record without a URL is named by its line" {
  run -3 --separate-stderr "$hdrcheck" --json - <<<$'\n{}\n{"schema":"outbore/2"}'
  [[ $stderr == *'standard input, line 2: "request_url" is missing'*'standard input, line 3: the record'* ]] || fail_with "$stderr"
}

@test "usage errors are told and end with 2" {
  local args
  while read -r args; do
    # shellcheck disable=SC2086 # a list of options
    run -2 "$hdrcheck" $args
    [[ $output = 'hdrcheck: '* ]] || fail_with "$args: $output"
  done <<'ARGS'
--frobnicate https://a.example/
--format xml https://a.example/
--fail-on never https://a.example/
--grade-at-least Z https://a.example/
--profile none https://a.example/
--suggest iis https://a.example/
--policy a --profile worker https://a.example/
--hop a=http://127.0.0.1/
--hop http://127.0.0.1/?a=b --hop b=http://127.0.0.1/
--algorithm 5 https://a.example/
explain nonsense
ARGS
  run -2 "$hdrcheck"
}

@test "every finding can be explained" {
  run -0 "$hdrcheck" explain xfo-conflict
  [[ $output = *'block all framing'* ]]
  run -0 "$hdrcheck" explain x-frame-options
  [ "$(grep -c '^xfo-' <<<"$output")" = 6 ]
  local id
  for id in $("$hdrcheck" --format sarif - <<<'' | jq -r '.runs[0].tool.driver.rules[].id' | grep -v not-judged); do
    "$hdrcheck" explain "$id" >/dev/null
  done
}
