#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# ingress-lint as it is typed: verdicts, findings in every format, fixes, bad input.

load lib

lint=${OUTBORE_BIN:-$top/bin}/ingress-lint

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  cat >good.yml <<'END'
tunnel: 11111111-2222-3333-4444-555555555555
credentials-file: /etc/cloudflared/home.json
ingress:
  - hostname: app.example.com
    path: ^/live(/|$)
    service: ws://10.0.0.5:3000
  - hostname: app.example.com
    service: http://10.0.0.5:80
  - service: http_status:404
END
  cat >shadow.yml <<'END'
tunnel: 11111111-2222-3333-4444-555555555555
credentials-file: /etc/cloudflared/home.json
ingress:
  - hostname: app.example.com
    path: ^/a
    service: http://10.0.0.5:80
  - hostname: "*.example.com"
    path: ^/[b-z]
    service: http://10.0.0.6:80
  - hostname: app.example.com
    path: ^/[ab]$
    service: http://10.0.0.7:80
  - service: http_status:404
END
  cat >refused.yml <<'END'
ingress:
  - hostname: app.example.com
    service: localhost:8080
  - service: http_status:404
END
}

# finds ID FILE...: the records of the files have a finding with that id.
finds() {
  "$lint" --json "${@:2}" | jq -se --arg id "$1" 'map(.findings[]) | any(.id == $id)' >/dev/null
}

# --- Findings ---

@test "lint: a clean file says nothing and exits 0" {
  run -0 --separate-stderr "$lint" good.yml
  [ -z "$output$stderr" ]
}

@test "lint: two rules together cover a third, proven, with a URL to try" {
  run -0 "$lint" shadow.yml
  [[ $output == *'shadow.yml:10:5: warning: rule 3 (app.example.com, path ^/[ab]$) never runs: '*'take all its requests (proven) [IL104]'* ]]
  [[ $output == *$'\n  try: https://app.example.com/a'* ]]
  run -1 "$lint" --strict shadow.yml
}

@test "lint: a refused file exits 1, and the record says what cloudflared would" {
  run -1 "$lint" refused.yml
  [[ $output == 'refused.yml:'*'[IL008]'* ]]
  run -1 "$lint" --json refused.yml
  jq -e '.schema == "outbore/1" and .kind == "config" and .status == "fail" and .target.file == "refused.yml"
    and .ingress == {valid: false, error_class: "service-address", rules: 2}
    and (.findings | any(.id == "IL008" and .where == "refused.yml:3:14"))' <<<"$output"
}

@test "lint: what does not parse has a record too" {
  printf 'ingress: [\n' >broken.yml
  run -1 "$lint" --json broken.yml
  jq -e '.ingress == {valid: false, error_class: "yaml-syntax", rules: 0} and .findings[0].id == "IL001"' <<<"$output"
}

@test "lint: - reads standard input, several files give records in their order" {
  run -1 "$lint" --json good.yml - refused.yml <shadow.yml
  [ "$(jq -r .target.file <<<"$output" | paste -sd ' ')" = 'good.yml - refused.yml' ]
  [ "$(jq -r .status <<<"$output" | paste -sd ' ')" = 'ok warn fail' ]
}

@test "lint: comments and options ignore rules, by id or name" {
  sed 's/^  - hostname: app.example.com$/  # ingress-lint: ignore=IL104\n&/' shadow.yml >ignored.yml
  run ! finds IL104 ignored.yml
  finds IL104 shadow.yml
  run ! finds IL104 --disable IL104 shadow.yml
  run ! finds IL104 --disable rule-shadowed shadow.yml
  finds IL104 --disable all --enable IL104 shadow.yml
  run -2 "$lint" --disable IL999 good.yml
  [[ $output == 'ingress-lint: --disable: there is no rule "IL999"'* ]]
}

@test "lint: the older release refuses a named group, and says so for itself alone" {
  sed 's/\^\/live(\/|\$)/^\/(?<x>live)/' good.yml >named.yml
  run -0 "$lint" --json named.yml
  jq -e '.ingress.valid and (.findings | any(.id == "IL113"))' <<<"$output"
  run -1 "$lint" --json --compat 2023.7 named.yml
  jq -e '.ingress.error_class == "regex" and (.findings | any(.id == "IL015"))' <<<"$output"
}

@test "lint and rule: --compat says what each release knows, accepts and chooses" {
  cat >releases.yml <<'END'
no-prechecks: true
udp-unregister-session-timeout: 5s
ingress:
  - hostname: app.example.com
    path: ^/\p{greek}
    service: https://10.0.0.5
    originRequest:
      matchSNItoHost: true
      access: {required: true, teamName: a, audTag: [x], environment: fed}
  - service: http_status:404
END
  run -1 "$lint" --json releases.yml
  jq -e '.ingress.error_class == "regex"' <<<"$output"
  run -0 "$lint" --json --compat 2026 releases.yml
  jq -e '.ingress.valid and ([.findings[] | select(.id == "IL501").message] == ["udp-unregister-session-timeout is no setting of 2026.8.2, and ignored"])
    and (.findings | any(.id == "IL113" and (.message | endswith("releases before 2026.5.0 refuse these names of properties"))))' <<<"$output"
  run -0 "$lint" rule --compat 2026 --json --config releases.yml 'https://app.example.com/%CE%B1'
  jq -e '.ingress.rule == 0' <<<"$output"
  run -1 "$lint" rule --json --config releases.yml 'https://app.example.com/%CE%B1'
  sed -i 's/greek/Greek/' releases.yml
  run -0 "$lint" --json --compat 2023.7 releases.yml
  jq -e '[.findings[] | select(.id == "IL501" or .id == "IL502") | .message | split(" ")[0]] == ["no-prechecks", "matchSNItoHost", "environment"]' <<<"$output"
  run -0 "$lint" rule --config releases.yml http://app.example.com:80:80/
  run -1 "$lint" rule --compat 2026 --config releases.yml http://app.example.com:80:80/
  run -2 "$lint" rule --compat 2024 --config releases.yml http://app.example.com/
  [ "$output" = 'ingress-lint rule: --compat: "2024" is none of 2023.7, 2025, 2026' ]
}

@test "lint: every value that does not fit and every key that is there twice, not the first alone" {
  cat >faults.yml <<'END'
metrics: 5
no-autoupdate: yes
originRequest:
  noTLSVerify: "true"
  keepAliveConnections: []
ingress:
  - hostname: a.example.com
    hostname: b.example.com
    service: http://a
    service: http://b
  - service: http_status:404
END
  run -1 "$lint" --json faults.yml
  jq -e '[.findings[] | select(.severity == "error") | .id + " " + (.where | ltrimstr("faults.yml:"))]
    == ["IL017 1:10", "IL017 2:16", "IL002 4:16", "IL002 5:25", "IL004 8:5", "IL004 10:5"]' <<<"$output"
}

@test "lint: ten thousand rules in little time" {
  {
    echo 'ingress:'
    for ((i = 0; i < 10000; i++)); do
      printf '  - hostname: h%d.example.com\n    path: ^/a%d/\n    service: http://s%d:80\n' "$i" "$i" "$i"
    done
    echo '  - service: http_status:404'
  } >many.yml
  run -0 bash -c 'ulimit -t 20 && exec "$1" --quiet many.yml' . "$lint"
  [ -z "$output" ]
}

# --- Manifests ---

@test "lint: a manifest's findings have its own lines and columns" {
  cat >cm.yml <<'END'
apiVersion: v1
kind: Namespace
metadata: {name: tunnel}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cloudflared, namespace: tunnel}
data:
  config.yaml: |
    no-autoupdate: true
    ingress:
      - hostname: app.example.com
        service: http://localhost:8080
      - service: http_status:404
END
  run -0 "$lint" cm.yml
  [[ $output == *'cm.yml:13:18: warning: localhost is the connector'*'[IL207]'* ]]
  run -0 "$lint" --json cm.yml
  jq -e '.ingress.valid and .ingress.rules == 2' <<<"$output"
}

@test "lint: manifests in several files are one cluster" {
  cat >service.yml <<'END'
apiVersion: v1
kind: Service
metadata: {name: app, namespace: tunnel}
spec: {ports: [{port: 80, targetPort: 8080}]}
END
  cat >cm.yml <<'END'
apiVersion: v1
kind: ConfigMap
metadata: {name: cloudflared, namespace: tunnel}
binaryData:
  config.yaml: bm8tYXV0b3VwZGF0ZTogdHJ1ZQppbmdyZXNzOgogIC0gaG9zdG5hbWU6IGFwcC5leGFtcGxlLmNvbQogICAgc2VydmljZTogaHR0cDovL2FwcDo4MDgwCiAgLSBzZXJ2aWNlOiBodHRwX3N0YXR1czo0MDQK
END
  finds IL713 cm.yml
  run ! finds IL713 cm.yml service.yml
  finds IL715 cm.yml service.yml
  run -0 "$lint" cm.yml service.yml
  [[ $output == *'cm.yml:5:16: warning: Service app has no port 8080, which is its targetPort [IL715]'* ]]
}

# --- Proxies ---

@test "lint: a proxy in front that loses the upgrade which a rule expects" {
  printf 'ProxyPass /live/ http://10.0.0.5:3000/live/\nProxyPass / http://10.0.0.5:80/ upgrade=websocket\n' >apache.conf
  run -0 "$lint" --proxy apache.conf good.yml
  [[ $output == *'apache.conf:1:18: warning: upgrades of requests to /live/ are not passed on, and a rule'*'[IL801]'* ]]
  run -3 "$lint" --proxy none.conf good.yml
}

@test "lint: files that a site file includes are read, and named in what is found" {
  mkdir -p sites/more
  printf 'IncludeOptional more/*.conf\nInclude none.conf\nInclude apache.conf\n' >sites/apache.conf
  printf '# ws\nProxyPass /live/ http://10.0.0.5:3000/live/\n' >sites/more/a.conf
  printf 'ProxyPass / http://10.0.0.5:80/ upgrade=websocket\n' >sites/more/b.conf
  run -0 "$lint" --proxy sites/apache.conf good.yml
  [[ $output == 'sites/more/a.conf:2:18: warning: upgrades of requests to /live/ are not passed on, and a rule'*'[IL801]'* ]]
  printf 'include conf.d/*.conf;\n' >nginx.conf
  mkdir conf.d
  printf '%s\n' 'server {' ' proxy_http_version 1.1;' ' proxy_set_header Upgrade $http_upgrade;' \
    ' proxy_set_header Connection $connection_upgrade;' ' location /live { proxy_pass http://h; }' '}' >conf.d/a.conf
  run -0 "$lint" --proxy nginx.conf good.yml
  [[ $output == 'conf.d/a.conf:5:30: warning: $connection_upgrade is no map of $http_upgrade in the files given [IL803]'* ]]
  echo 'map $http_upgrade $connection_upgrade { default upgrade; "" close; }' >map.conf
  run -0 "$lint" --proxy nginx.conf --proxy map.conf --quiet good.yml
  [ -z "$output" ]
}

@test "lint: of nginx's locations the one that serves is asked" {
  printf '%s\n' 'server {' ' location / { proxy_pass http://h; }' ' location ~ ^/l { proxy_pass http://h; }' '}' >order.conf
  run -0 "$lint" --json --proxy order.conf good.yml
  jq -se '[.[] | select(.target.file == "order.conf").findings[] | select(.severity == "warning").where] == ["order.conf:3:30"]' <<<"$output"
}

# --- Formats ---

@test "lint: SARIF has the catalogue and the findings" {
  run -1 "$lint" --format sarif refused.yml
  jq -e '.version == "2.1.0" and (.runs[0].tool.driver.rules | length) == 116
    and .runs[0].results[0].ruleId == .runs[0].tool.driver.rules[.runs[0].results[0].ruleIndex].id
    and .runs[0].results[0].locations[0].physicalLocation.region.startLine > 0' <<<"$output"
}

# Files that give findings of every severity, a witness, a fix, odd bytes, and none.
several() {
  printf 'ingress:\n  - hostname: "<&\\x01>"\n    service: http://a\n  - service: http_status:404\n' >odd.yml
  printf 'ingress:\n  - hostname: "*.Example.com"\n    service: https://a\n  - service: http_status:404\n' >fix.yml
  mkdir directory
  files=(odd.yml shadow.yml fix.yml refused.yml good.yml directory)
}

@test "lint: SARIF fits its schema" {
  schema=$("$top/tests/schemas/sarif-schema" 2>why) || skip "no schema: $(cat why)"
  several
  run -3 --separate-stderr "$lint" --format sarif "${files[@]}"
  python3 -c '
import json, sys, jsonschema
validator = jsonschema.Draft4Validator(json.load(open(sys.argv[1])), format_checker=jsonschema.FormatChecker())
log = json.loads(sys.stdin.read())
for fault in validator.iter_errors(log):
    sys.exit(f"{list(fault.absolute_path)}: {fault.message}")
assert len(log["runs"][0]["results"]) > 5
log["runs"][0]["results"][0]["level"] = "dire"
assert not validator.is_valid(log)
' "$schema" <<<"$output"
}

@test "lint: JUnit fits a schema, and counts failures" {
  several
  run -3 --separate-stderr "$lint" --format junit "${files[@]}"
  echo "$output" >report.xml
  xmllint --noout --schema "$top/tests/schemas/junit.xsd" report.xml
  run -3 xmllint --noout --schema "$top/tests/schemas/junit.xsd" - <<<'<testsuites><testsuite name="a"/></testsuites>'
  python3 -c '
import sys, xml.etree.ElementTree as e
suites = e.parse("report.xml").findall("testsuite")
assert [s.get("name") for s in suites] == sys.argv[1:]
for s in suites:
    assert int(s.get("tests")) == len(s.findall("testcase")) > 0
    assert int(s.get("failures")) == len(s.findall("testcase/failure"))
    assert int(s.get("errors")) == len(s.findall("testcase/error")) == (s.get("name") == "directory")
' "${files[@]}"
}

@test "lint: GitHub's commands are one line each" {
  run -1 "$lint" --format github refused.yml
  [[ ${lines[0]} == '::'*' file=refused.yml,line='*',title=IL'*'::'* ]]
  for line in "${lines[@]}"; do
    [[ $line == ::* ]]
  done
}

@test "lint: terminals are not driven by what stands in a file" {
  printf 'ingress:\n  - hostname: "a\\e[31mb"\n    service: http://x\n  - service: http_status:404\n' >escape.yml
  run -0 "$lint" --color always escape.yml
  [[ $output != *$'\e[31mb'* ]]
  [[ $output == *'a\x1b[31mb'* ]]
}

@test "lint: colour and the line with its caret when asked for" {
  run -1 "$lint" --color always refused.yml
  [[ $output == *$'\e[1;31merror\e[0m: '* ]]
  [[ $output == *$'\n      service: localhost:8080\n               ^\n'* ]]
  run -1 "$lint" --color never refused.yml
  [[ $output != *$'\e'* ]]
}

# --- Fixes and records ---

@test "lint: --fix writes values in place and leaves all else" {
  printf '# mine\ningress:\n  - hostname: "*.Example.com" # wild\n    service:   https://a\n    originRequest: {noTLSVerify: "yes"}\n  - service: http_status:404\n' >fix.yml
  chmod 640 fix.yml
  run -0 "$lint" --fix=diff fix.yml
  [[ $output == *$'\n+  - hostname: "*.example.com" # wild'* ]]
  grep -q Example fix.yml
  cp fix.yml patched.yml
  patch --quiet -p0 <<<"${output//fix.yml/patched.yml}"
  run -0 "$lint" --fix fix.yml
  cmp fix.yml patched.yml
  [ "$(cat fix.yml)" = "$(printf '# mine\ningress:\n  - hostname: "*.example.com" # wild\n    service:   https://a\n    originRequest: {noTLSVerify: true}\n  - service: http_status:404')" ]
  [ "$(stat -c %a fix.yml)" = 640 ]
}

@test "lint: --fix writes where a link leads, and the file stays its owner's" {
  printf 'ingress:\n  - hostname: A.example.com\n    service: http://127.0.0.1:1\n  - service: http_status:404\n' >real.yml
  mkdir sub
  ln -s ../real.yml sub/link.yml
  chmod 600 real.yml
  ((EUID != 0)) || chown 12345:23456 real.yml
  local owner
  owner=$(stat -c %u:%g:%a real.yml)
  run -0 "$lint" --fix sub/link.yml
  [ -L sub/link.yml ]
  grep -q 'hostname: a.example.com' real.yml
  [ "$(stat -c %u:%g:%a real.yml)" = "$owner" ]
  [ -z "$(find . -name "real.yml?*")" ]
}

@test "lint: --fix mends configurations inside of manifests, where they are literal blocks" {
  cat >cm.yml <<'END'
apiVersion: v1
kind: Namespace
metadata: {name: tunnel} # é
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cloudflared, namespace: tunnel}
data:
  config.yaml: |

    ingress:
      - hostname: "*.Example.com" # wild
        service: https://a.b.svc.cluster.local
        originRequest: {noTLSVerify: "yes"}
      - service: http_status:404
  other.yaml: "ingress: [{hostname: '*.Example.com', service: 'http://a.b'}, {service: 'http_status:404'}]"
END
  cp cm.yml before.yml
  run -0 "$lint" --fix=diff cm.yml
  [[ $output == *$'\n+      - hostname: "*.example.com" # wild'* ]]
  run -0 "$lint" --fix cm.yml
  run -1 diff before.yml cm.yml
  [ "$(grep -c '^[<>]' <<<"$output")" = 4 ]
  grep -qxF '      - hostname: "*.example.com" # wild' cm.yml
  grep -qxF '        originRequest: {noTLSVerify: true}' cm.yml
  grep -qF "'*.Example.com'" cm.yml
}

@test "lint: --records gives a URL for each rule that can be reached, and rule agrees" {
  run -0 "$lint" --records shadow.yml
  [ "$(jq -r .ingress.rule <<<"$output" | paste -sd ' ')" = '0 1 3' ]
  "$lint" --records shadow.yml | "$lint" rule --json --config shadow.yml - >chosen
  [ "$(jq -r .ingress.rule chosen | paste -sd ' ')" = '0 1 3' ]
  run -0 "$lint" --records good.yml
  jq -se '.[0].ingress.websocket and (.[1].ingress.websocket | not)' <<<"$output"
}

# --- rule ---

@test "rule: the first that matches, counted from 0" {
  run -0 "$lint" rule --json --config good.yml https://app.example.com/live/x https://other.example/
  jq -se '.[0].kind == "match" and .[0].ingress == {rule: 0, hostname: "app.example.com", path: "^/live(/|$)", service: "ws://10.0.0.5:3000"}
    and .[1].ingress.rule == 2' <<<"$output"
}

@test "rule: URLs that are refused have a class" {
  run -1 "$lint" rule --json --config good.yml -- '' foo 'http://a b/'
  [ "$(jq -r .ingress.error_class <<<"$output" | paste -sd ' ')" = 'url-missing url-no-hostname url-invalid' ]
  run -1 "$lint" rule --json --config refused.yml https://app.example.com/
  jq -e '.ingress == {rule: null, error_class: "service-address"}' <<<"${lines[-1]}"
}

@test "rule: records pass through, and what is none is an error" {
  printf '%s\n' '{"schema":"outbore/1","kind":"probe","target":{"url":"https://app.example.com/"},"ws":{"x":1},"new":true}' \
    '{"schema":"outbore/1","kind":"event"}' https://app.example.com/live '{"no json' >lines
  run -3 --separate-stderr "$lint" rule --json --config good.yml - <lines
  jq -se '.[0].ingress.rule == 1 and .[0].ws.x == 1 and .[0].new and .[1].kind == "event" and .[1].ingress == null
    and .[2].ingress.rule == 0 and .[3].kind == "error"' <<<"$output"
}

# --- The catalogue ---

@test "rules and explain: every rule has a line, a reason and two examples" {
  run -0 "$lint" rules
  [ "${#lines[@]}" = 116 ]
  [[ ${lines[0]} == 'IL001  error  '* ]]
  run -0 "$lint" explain il104
  [[ $output == 'IL104 rule-shadowed (warning)'*'Why: '*'Fix: '*'Bad:'*'Good:'* ]]
  run -2 "$lint" explain IL999
}

# --- Usage and bad input ---

@test "usage: one line and status 2" {
  run -2 --separate-stderr "$lint"
  [ "$stderr" = 'ingress-lint: no FILE; - reads standard input' ]
  run -2 "$lint" --format xml good.yml
  [ "$output" = 'ingress-lint: --format: "xml" is none of text, json, sarif, junit, github' ]
  run -2 "$lint" rule https://app.example.com/
  run -0 "$lint" --help
  run -0 "$lint" --version
}

@test "bad input: one error each, status 3, and the other files are linted" {
  mkdir directory
  head -c 4096 /dev/zero >binary.yml
  truncate -s 100M huge.yml
  run -3 --separate-stderr timeout 60 "$lint" --json none.yml directory binary.yml huge.yml refused.yml
  [ "${#stderr_lines[@]}" = 4 ]
  [ "$(jq -r .status <<<"$output" | paste -sd ' ')" = 'error error error error fail' ]
}

@test "bad input: of a file that is too large nothing is judged, not its beginning" {
  printf 'ingress:\n  - service: http_status:404\n' >large.yml
  head -c 17000000 /dev/zero | tr '\0' '#' >>large.yml
  run -3 --separate-stderr "$lint" --json large.yml
  [[ $stderr == *'large.yml: larger than 16777216 bytes' ]]
  [ "$(jq -c '[.status, .ingress, .findings]' <<<"$output")" = '["error",null,[]]' ]
  run -3 --separate-stderr "$lint" rule --config large.yml http://a/
  [ -z "$output" ]
}

@test "bad input: bombs of aliases and depth end soon" {
  {
    printf 'a0: &a0 [x,x,x,x,x,x,x,x,x]\n'
    for i in {1..20}; do
      printf 'a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n' "$i" "$i" $((i - 1)){,,,,,,,}
    done
  } >bomb.yml
  { printf '%0.s[' {1..20000}; } >deep.yml
  run -3 --separate-stderr timeout 60 "$lint" --json bomb.yml deep.yml good.yml
  [ "${#stderr_lines[@]}" = 2 ]
  [ "$(jq -r .status <<<"$output" | paste -sd ' ')" = 'error error ok' ]
  [ "$(jq -r .ingress.valid <<<"$output" | paste -sd ' ')" = 'false false true' ]
  printf 'tunnel: caf\xe9\n' >latin.yml
  run -3 --separate-stderr "$lint" --json latin.yml
  [ "$stderr" = 'ingress-lint: latin.yml: is no text in UTF-8 or UTF-16' ]
  jq -e '.ingress.error_class == "yaml-syntax"' <<<"$output"
  for file in latin.yml bomb.yml; do
    run -3 --separate-stderr timeout 60 "$lint" rule --json --config "$file" https://app.example.com/
    [ "${#stderr_lines[@]}" = 1 ]
    [ "$(jq -r .ingress.error_class <<<"$output")" = yaml-syntax ]
  done
}

# --- The real program ---

# With CLOUDFLARED=: its verdict on random rule sets, and its choice for each URL that a proof has come to.
@test "cloudflared itself agrees with verdicts and witnesses" {
  [ -n "$CLOUDFLARED" ] || skip 'no CLOUDFLARED'
  mkdir sets
  "$top/tests/peers/rulesets.py" "${SEED:-1}" "${SETS:-40}" sets
  asked=0
  for file in sets/*.yml; do
    valid=true
    "$CLOUDFLARED" tunnel --config "$file" ingress validate >/dev/null 2>&1 || valid=false
    [ "$("$lint" --json "$file" | jq .ingress.valid)" = "$valid" ] || fail_with "$file: not $valid"
    while IFS=$'\t' read -r rule url; do
      theirs=$("$CLOUDFLARED" tunnel --config "$file" ingress rule "$url" 2>&1 | sed -n 's/^Matched rule #//p')
      [ "$theirs" = "$rule" ] || fail_with "$file: $url: cloudflared $theirs, we $rule"
      asked=$((asked + 1))
    done < <("$lint" --records "$file" | jq -r '[.ingress.rule, .target.url] | @tsv')
  done
  ((asked > 50))
}
