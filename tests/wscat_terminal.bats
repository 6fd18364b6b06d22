#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# The conversation on a terminal, driven by tmux: editing, history, commands, messages that arrive while one types.

load lib

wscat=${OUTBORE_BIN:-$top/bin}/wscat

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$BATS_TEST_TMPDIR
  start server "$wscat" serve --json --listen 127.0.0.1:0
  wait_for server.out '"event":"listening"'
  url=$(value 'select(.event == "listening").target.url' server)
}

teardown() {
  tmux -S "$BATS_TEST_TMPDIR/tmux" kill-server 2>/dev/null || true
  stop_all
}

screen() {
  tmux -S "$BATS_TEST_TMPDIR/tmux" capture-pane -p
}

shows() {
  screen | grep -q -- "$1"
}

# waits PATTERN: until the screen has a line that matches.
waits() {
  within "$wait_s" shows "$1" || fail_with "no '$1' on the screen: $(screen)"
}

keys() {
  tmux -S "$BATS_TEST_TMPDIR/tmux" send-keys "$@"
}

open_terminal() {
  tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null new-session -d -x 80 -y 24 "$* ; echo status \$?; sleep 60"
  waits 'connected to'
}

@test "terminal: a line is edited, sent, and found again" {
  open_terminal "$wscat $url"
  keys helXlo Left Left BSpace Enter
  waits '^hello'
  waits '^>$'
  keys 'first line' Enter
  waits '^first line'
  keys Up
  waits '^> first line'
  keys ' again' Enter
  waits '^first line again'
  keys C-d
  waits 'closed by us: 1000'
  waits 'status 0'
  grep -q 'first.*line' .wscat_history
}

@test "terminal: letters outside ASCII are whole" {
  export LC_ALL=C.UTF-8
  open_terminal "$wscat $url"
  keys 'hé日ox' BSpace Enter
  keys '/close' Enter
  waits 'closed by us: 1000'
  wait_for server.out '"event":"connection"|"kind":"connection"'
  [ "$(value 'select(.connection != null).connection.bytes_in' server)" = 7 ]
}

@test "terminal: commands" {
  open_terminal "$wscat $url"
  keys '/ping abc' Enter
  waits 'pong "abc" after'
  keys '/nonsense' Enter
  waits '/close \[CODE'
  keys '//slash' Enter
  waits '^/slash'
  keys '/close 4005 enough' Enter
  waits 'closed by us: 4005'
  wait_for server.out '"close_received":4005'
}

@test "terminal: a message does not break the line being typed, and cannot drive the terminal" {
  printf 'wait 800ms\nhex 1b5b324a41\nsend \033[31mred\n' >script
  stop server
  start server "$wscat" serve --json --listen 127.0.0.1:0 --script script
  wait_for server.out '"event":"listening"'
  open_terminal "$wscat $(value 'select(.event == "listening").target.url' server)"
  keys 'half a li'
  waits '^> half a li'
  waits '^.x1b.31mred'
  waits '^> half a li'
  keys C-c
  waits 'status 130'
}
