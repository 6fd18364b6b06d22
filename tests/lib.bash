# Helpers of the bats files. A test starts processes with `start`, waits for what they say with `wait_for`, and
# teardown ends what was started, and only that. All ports are free ones: port 0, and the printed address is read.
#
# What is started belongs to a scope, a directory with NAME.out, NAME.err and NAME.pid for each process: that of the
# test, or in setup_file that of the file, which all its tests share.
#
# OUTBORE_BIN: directory of the programs (default bin/). CONNECTOR: which connector `start_connector` starts: ours,
# cloudflared-new or cloudflared-old, the latter two being the binaries CLOUDFLARED and CLOUDFLARED_OLD.

bats_require_minimum_version 1.5.0

top=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
peers=$top/tests/peers
tunnel=${OUTBORE_BIN:-$top/bin}/tunnel
hdrcheck=${OUTBORE_BIN:-$top/bin}/hdrcheck
CONNECTOR=${CONNECTOR:-ours}
wait_s=${OUTBORE_WAIT:-30} # for anything that has to come: only a failing test waits so long
tunnel_id=11111111-2222-3333-4444-555555555555

# scope: the directory of the current scope.
scope() {
  echo "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}"
}

# --- Processes ---

# start NAME COMMAND...: in the background, in its scope.
start() {
  local at name=$1
  at=$(scope)
  shift
  : >"$at/$name.out" # no line of an earlier run may be taken for one of this
  : >"$at/$name.err"
  (
    cd "$at" || exit
    exec "$@" >"$name.out" 2>"$name.err" 3>&- 4>&-
  ) 3>&- &
  echo $! >"$at/$name.pid"
}

# file_of NAME.SUFFIX: of the test's scope, or of the file's.
file_of() {
  local at
  for at in "$(scope)" "$BATS_FILE_TMPDIR"; do
    if [[ -e $at/$1 ]]; then
      echo "$at/$1"
      return
    fi
  done
  echo "nothing named ${1%.*} was started" >&2
  return 1
}

pid_of() {
  cat "$(file_of "$1.pid")"
}

# is_running NAME: a process that has ended and not been waited for is a zombie, which does not run.
is_running() {
  local state pid
  pid=$(pid_of "$1" 2>/dev/null) || return 1
  state=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) || return 1
  [[ $state != Z* ]]
}

# ended NAME [SECONDS]: wait until it has ended; its exit status is then in exit_status.
ended() {
  local pid
  pid=$(pid_of "$1")
  if ! within "${2:-$wait_s}" is_not_running "$1"; then
    fail_with "$1 is still running"
    return
  fi
  rm -f "$(file_of "$1.pid")"
  exit_status=0
  # shellcheck disable=SC2034 # the tests read it
  { wait "$pid"; } 2>/dev/null || exit_status=$?
}

is_not_running() {
  ! is_running "$1"
}

# stop NAME [SIGNAL]: end it and wait; its exit status is then in exit_status.
stop() {
  kill "-${2:-TERM}" "$(pid_of "$1")"
  ended "$1"
}

# signal NAME SIGNAL: without waiting.
signal() {
  kill "-$2" "$(pid_of "$1")"
}

# stop_all: end everything of the scope, and look whether a sanitizer complained.
stop_all() {
  local at file name
  at=$(scope)
  for file in "$at"/*.pid; do
    [[ -e $file ]] || continue
    name=$(basename "$file" .pid)
    kill "$(cat "$file")" 2>/dev/null || true
    within 5 is_not_running "$name" || kill -KILL "$(cat "$file")" 2>/dev/null || true
    wait "$(cat "$file")" 2>/dev/null || true
    rm -f "$file"
  done
  if grep -l -E 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$at"/*.err 2>/dev/null; then
    fail_with "a sanitizer complained: $(grep -h -A 30 -E 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$at"/*.err)"
  fi
}

# --- Servers of others, on ports of their own ---

# free_port: one after the other, so that no two tests get the same; below those that Linux gives to connections (32768 and
# up), so that none takes it while its server is away.
free_port() {
  local port=
  mkdir -p "$top/build"
  {
    flock 8
    read -r port 2>/dev/null <"$top/build/port" || port=$((10000 + SRANDOM % 20000))
    while port=$((port < 29999 ? port + 1 : 10000)) && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port" | tee "$top/build/port"
  } 8>>"$top/build/port.lock"
}

# start_server NAME WRITE COMMAND...: WRITE prints the configuration for $port; a port that somebody took is tried again.
start_server() {
  local name=$1 write=$2
  shift 2
  for _ in 1 2 3 4 5; do
    port=$(free_port)
    "$write" >"$name.conf"
    start "$name" "$@"
    within "$wait_s" answers_or_ended "$name"
    is_running "$name" && return
  done
  fail_with "$name does not start:" "$(tail -n 20 "$name.err" "$name.out")"
}

answers_or_ended() {
  ! is_running "$1" || curl -s -o /dev/null "http://127.0.0.1:$port/"
}

# --- Waiting ---

fail_with() {
  echo "$*" >&2
  return 1
}

# jq -e of 1.6 is content with no input at all, as of a command that failed.
jq() {
  local out
  [[ $1 = -*e* && $1 != --* ]] || {
    command jq "$@"
    return
  }
  out=$(command jq "$@") || return
  printf '%s\n' "$out"
  [[ $out ]]
}

# within SECONDS COMMAND...: until the command succeeds.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS <= deadline)) || return 1
    sleep 0.05
  done
}

# has_lines FILE PATTERN COUNT
has_lines() {
  (($(grep -c -E -- "$2" "$1") >= $3))
}

# wait_for NAME.SUFFIX PATTERN [COUNT]: until so many lines match.
wait_for() {
  local file
  file=$(file_of "$1") || return
  within "$wait_s" has_lines "$file" "$2" "${3:-1}" ||
    fail_with "no ${3:-1} line(s) '$2' in $1:" "$(tail -c 3000 "$file" "${file%.*}.err")"
}

# value FILTER NAME: what jq finds in the JSON lines of its output.
value() {
  grep '^{' "$(file_of "$2.out")" | jq -rc "$1"
}

# are_records SCHEMA: the lines on standard input, of which there is one at least, fit share/schema/SCHEMA.json.
are_records() {
  /usr/bin/python3 -c 'import json, sys, jsonschema
check = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
lines = sys.stdin.read().splitlines()
assert lines, "no records"
for line in lines:
    check.validate(json.loads(line))' "$top/share/schema/$1.json"
}

# --- The tunnel ---

# credentials NAME [ID]: NAME.json of a tunnel, with a random secret.
credentials() {
  (
    umask 077
    jq -n --arg id "${2:-$tunnel_id}" --arg secret "$(head -c 32 /dev/urandom | base64 -w 0)" \
      '{AccountTag: "0123456789abcdef0123456789abcdef", TunnelSecret: $secret, TunnelID: $id}' >"$(scope)/$1.json"
  )
}

# start_edge [OPTION...]: with a development CA in dev/, on free ports, which are the same when it is started again. Its
# addresses are in edge_http, edge_tls, edge_tunnel and edge_metrics. Without options all hosts go to the tunnel "web".
start_edge() {
  (($#)) || set -- --credentials web.json --route '*=web'
  : "${edge_ports=--listen 127.0.0.1:$(free_port) --listen-http 127.0.0.1:$(free_port) --tunnel-listen 127.0.0.1:$(free_port) \
    --metrics 127.0.0.1:$(free_port)}"
  # shellcheck disable=SC2086 # a list of options
  start edge "$tunnel" edge --json --dev dev $edge_ports --loglevel debug "$@"
  wait_for edge.out '"event":"ready"'
  edge_http=$(edge_address public-http)
  edge_tls=$(edge_address public-tls)
  edge_tunnel=$(edge_address tunnel)
  edge_metrics=$(edge_address metrics)
  cacert=$(scope)/dev/ca.pem
  export edge_http edge_tls edge_tunnel edge_metrics cacert
}

# api METHOD PATH [JSON]: a call of the management API that has to succeed; what it answers, without the envelope. PATH
# follows the account's tunnels.
api() {
  curl -sf -X "$1" -H "Authorization: Bearer $(cat "$(scope)/api-token")" -H 'Content-Type: application/json' \
    "http://$edge_api/client/v4/accounts/0123456789abcdef0123456789abcdef/cfd_tunnel$2" ${3:+-d "$3"} | jq -ce .result
}

# api_edge NAME [JSON]: an edge with a store and the management API, all hosts to the tunnel NAME, which is made there (of
# this JSON) and whose credentials are in NAME.json. Sets edge_api and web_id too.
api_edge() {
  "$tunnel" edge token make --store "$(scope)/edge.db" --account 0123456789abcdef0123456789abcdef -o "$(scope)/api-token"
  edge_api=127.0.0.1:$(free_port)
  start_edge --store edge.db --api "$edge_api"
  api POST '' "${2:-"{\"name\": \"$1\"}"}" | jq .credentials_file >"$(scope)/$1.json"
  stop edge
  start_edge --store edge.db --api "$edge_api" --route "*=$1"
  web_id=$(jq -r .TunnelID "$(scope)/$1.json")
  export edge_api web_id
}

edge_address() {
  value ".listen[] | select(.role == \"$1\").address" edge
}

# start_connector NAME [OPTION...]: with `connections` connections (default 2), waiting until all have registered.
# Its operators' address is in connector_metrics.
start_connector() {
  launch_connector "$@"
  wait_registered "$1" "${connections:-2}"
}

# launch_connector NAME [OPTION...]: the same without waiting. `web` names the credentials file. The options, cloudflared's
# as well as ours, say what is served: --url URL or --config FILE.
launch_connector() {
  local name=$1 i edges=()
  shift
  for ((i = 0; i < ${connections:-2}; i++)); do
    edges+=(--edge "$edge_tunnel")
  done
  case $CONNECTOR in
    ours)
      start "$name" "$tunnel" "${edges[@]}" --cacert "$cacert" --metrics 127.0.0.1:0 --loglevel debug --json \
        "$@" run --credentials-file "$(file_of "${web:-web.json}")"
      ;;
    cloudflared-*)
      local binary=$CLOUDFLARED prechecks=${prechecks---no-prechecks}
      [[ $CONNECTOR = *-new ]] || binary=$CLOUDFLARED_OLD prechecks=
      # shellcheck disable=SC2086 # an option or none
      start "$name" "$binary" tunnel --no-autoupdate --protocol http2 "${edges[@]}" --cacert "$cacert" \
        --metrics 127.0.0.1:0 $prechecks "$@" \
        run --credentials-file "$(file_of "${web:-web.json}")" "$tunnel_id"
      ;;
  esac
}

# wait_registered NAME COUNT: all say it in the same words.
wait_registered() {
  wait_for "$1.err" '[Rr]egistered tunnel connection' "$2" || return
  connector_metrics=$(sed -n 's/.*connector starts.*metrics=//p; s|.*Starting metrics server on \(.*\)/metrics.*|\1|p' \
    "$(file_of "$1.err")")
  export connector_metrics
}

# start_origin: tests/peers/origin.py; its port is in origin_port.
start_origin() {
  origin_port=$(free_port)
  start origin "$peers/origin.py" --port "$origin_port"
  wait_for origin.out '^ready '
  export origin_port
}

# let_end ID COUNT: the origin's answer to /step?n=COUNT&id=ID.
let_end() {
  local i
  for ((i = 0; i < $2; i++)); do
    curl -sf "http://127.0.0.1:$origin_port/ack?id=$1" -o /dev/null
  done
}

# start_tunnel: origin, edge and connector, all hosts to the origin.
start_tunnel() {
  credentials web
  start_origin
  start_edge
  start_connector connector --url "http://127.0.0.1:$origin_port" "$@"
}

# --- Looking ---

# metric ADDRESS SERIES: its value.
metric() {
  curl -sf "http://$1/metrics" | awk -v name="$2" '$1 == name { print $2; found = 1 } END { exit !found }'
}

# metric_is ADDRESS SERIES VALUE
metric_is() {
  [ "$(metric "$1" "$2")" = "$3" ]
}

# rss NAME: resident memory in KiB.
rss() {
  awk '/^VmRSS:/ { print $2 }' "/proc/$(pid_of "$1")/status"
}

# fetch PATH [CURL OPTION...]: through the tunnel, over plain HTTP.
fetch() {
  local path=$1
  shift
  curl -s --max-time "$wait_s" "http://$edge_http$path" "$@"
}

# raw ADDRESS: send stdin as it is, print all that comes back until the other side ends.
raw() {
  local fd
  exec {fd}<>"/dev/tcp/${1%:*}/${1##*:}"
  cat >&"$fd"
  timeout "$wait_s" cat <&"$fd"
  exec {fd}>&-
}

sum_of() {
  "$peers/origin.py" --sum "$1"
}
