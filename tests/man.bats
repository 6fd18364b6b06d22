#!/usr/bin/env bats
# The man pages say what the programs have: their options, arguments and variables, compared with --help.
# bats file_tags=once

bats_require_minimum_version 1.5.0

top=$BATS_TEST_DIRNAME/..
bin=${OUTBORE_BIN:-$top/bin}

# options_of_help PROGRAM...: one line an option, as --help prints it: LETTER NAME ARGUMENT VARIABLE, - for none.
options_of_help() {
  "$@" --help | awk '
    function finish() {
      if (name != "")
        print letter, name, argument, variable
      name = ""
    }
    /^  (-.,|   ) --/ {
      finish()
      left = substr($0, 35, 1) == " " ? substr($0, 1, 34) : $0 # a long one has its help on the next line
      n = split(left, word, " ")
      i = word[1] ~ /^--/ ? 1 : 2
      letter = i == 2 ? substr(word[1], 2, 1) : "-"
      name = substr(word[i], 3)
      argument = i < n ? word[i + 1] : "-"
      variable = "-"
    }
    name != "" && match($0, /\[\$[A-Z_0-9]+\]$/) { variable = substr($0, RSTART + 2, RLENGTH - 3) }
    /^$/ { finish() }
    END { finish() }' | sort
}

# options_of_page PAGE SECTION...: the same from the .It lines of these sections.
options_of_page() {
  local page=$1
  shift
  printf '%s\n' "$@" | awk '
    FNR == NR { wanted[$0]; next }
    /^\.S[sh] / { inside = substr($0, 5) in wanted; found += inside }
    inside && /^\.It Fl / {
      letter = argument = variable = "-"
      i = 3
      if ($4 == ",") {
        letter = $3
        i = 5
      }
      name = substr($i, 2)
      for (i++; i < NF; i++) {
        if ($i == "Ar")
          argument = $(i + 1)
        if ($i == "Ev")
          variable = $(i + 1)
      }
      print letter, name, argument, variable
    }
    END { exit found == 0 }' - "$page" | sort
}

# same_options PAGE PROGRAM... -- SECTION...
same_options() {
  local page=$top/man/$1 program=()
  shift
  while [[ $1 != -- ]]; do
    program+=("$1")
    shift
  done
  shift
  options_of_help "${program[@]}" >"$BATS_TEST_TMPDIR/help"
  options_of_page "$page" "$@" >"$BATS_TEST_TMPDIR/page"
  (($(wc -l <"$BATS_TEST_TMPDIR/help") > 3))
  diff -u "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page"
}

@test "tunnel(1) has the options of tunnel run" {
  same_options tunnel.1 "$bin/tunnel" run -- 'tunnel run' 'A service by options' 'All commands'
}

@test "tunnel(1) has the options of tunnel edge" {
  same_options tunnel.1 "$bin/tunnel" edge -- 'tunnel edge' 'All commands'
}

@test "tunnel(1) has the options of tunnel edge token" {
  same_options tunnel.1 "$bin/tunnel" edge token -- 'tunnel edge token, tunnel edge cert' 'All commands'
}

@test "tunnel(1) has the options of tunnel edge audit" {
  same_options tunnel.1 "$bin/tunnel" edge audit -- 'tunnel edge audit' 'All commands'
}

@test "tunnel(1) has the options of tunnel quick" {
  same_options tunnel.1 "$bin/tunnel" quick -- 'tunnel quick' 'A service by options' 'All commands'
}

@test "tunnel(1) has the options of tunnel ready" {
  same_options tunnel.1 "$bin/tunnel" ready -- 'tunnel ready' 'All commands'
}

@test "tunnel(1) has the options of the commands that manage tunnels" {
  local command
  for command in create list info token delete cleanup route config; do
    same_options tunnel.1 "$bin/tunnel" "$command" -- "tunnel $command" 'Commands that manage tunnels' 'All commands'
  done
}

@test "hdrcheck(1) has the options of hdrcheck" {
  same_options hdrcheck.1 "$bin/hdrcheck" -- Options
}

@test "credrotate(1) has the options of credrotate" {
  same_options credrotate.1 "$bin/credrotate" -- Options
}

@test "tunnel(1) has the commands that tunnel --help lists" {
  "$bin/tunnel" --help | awk '/^commands:/ {inside = 1; next} /^$/ {inside = 0} inside {print $1}' | sort >"$BATS_TEST_TMPDIR/help"
  awk '/^\.Sh DESCRIPTION/ {exit} /^\.Cm / {print $2}' "$top/man/tunnel.1" | sort -u >"$BATS_TEST_TMPDIR/page"
  (($(wc -l <"$BATS_TEST_TMPDIR/help") > 3))
  diff -u "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page"
}

@test "ingress-lint(1) has the options of ingress-lint" {
  same_options ingress-lint.1 "$bin/ingress-lint" -- lint 'All commands'
}

@test "ingress-lint(1) has the options of ingress-lint rule" {
  same_options ingress-lint.1 "$bin/ingress-lint" rule -- rule 'All commands'
}

@test "every program has its page" {
  local program
  for program in "$bin"/*; do
    [[ -s $top/man/${program##*/}.1 ]]
  done
}

@test "wscat(1) has the options of the conversation" {
  same_options wscat.1 "$bin/wscat" -- 'Connection' 'Conversation'
}

@test "wscat(1) has the options of wscat probe" {
  same_options wscat.1 "$bin/wscat" probe -- 'Connection' 'wscat probe'
}

@test "wscat(1) has the options of wscat serve" {
  same_options wscat.1 "$bin/wscat" serve -- 'wscat serve'
}

@test "wscat(1) has the options of wscat bench" {
  same_options wscat.1 "$bin/wscat" bench -- 'Connection' 'wscat bench'
}
