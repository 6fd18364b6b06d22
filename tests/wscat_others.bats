#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# wscat and other people's ends: node-ws, Python's websockets, autobahn; both ways, with and without compression.

load lib

wscat=${OUTBORE_BIN:-$top/bin}/wscat

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  {
    printf 'hello\n\n'
    head -c 60000 /dev/urandom | base64 -w 0
    printf '\n'
    seq -s ' ' 1 30000
    printf 'κόσμε\n'
  } >lines
}

teardown() {
  stop_all
}

# asks COMMAND...: it serves; wscat sends the lines and gets them back.
asks() {
  local compression
  start other "$@"
  wait_for other.out '^[0-9]+$'
  for compression in on off client_no_context_takeover server_no_context_takeover server_max_window_bits=10; do
    timeout 60 "$wscat" -q --compression "$compression" --wait 20s -n 5 "ws://127.0.0.1:$(cat other.out)/" <lines >got ||
      fail_with "with compression $compression"
    cmp got lines
  done
}

# answers COMMAND...: it talks to wscat serve, whose URL is appended.
answers() {
  local compression
  for compression in on off 'server_max_window_bits=9'; do
    start server "$wscat" serve --json --listen 127.0.0.1:0 --compression "$compression"
    wait_for server.out listening
    run -0 timeout 60 "$@" "$(value 'select(.event == "listening").target.url' server)"
    stop server
  done
}

@test "others: node-ws serves" {
  asks "$top/tests/wscat/others.js" serve
}

@test "others: node-ws asks" {
  answers "$top/tests/wscat/others.js" talk
}

@test "others: Python's websockets serves" {
  asks "$top/tests/wscat/others.py" serve websockets
}

@test "others: Python's websockets asks" {
  answers "$top/tests/wscat/others.py" talk websockets
}

@test "others: autobahn serves" {
  asks "$top/tests/wscat/others.py" serve autobahn
}

@test "others: autobahn asks" {
  answers "$top/tests/wscat/others.py" talk autobahn
}
