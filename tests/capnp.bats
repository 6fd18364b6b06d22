#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# The control stream's codec against Debian's capnp, which reads what we write and writes what we read.

load lib

setup_file() {
  export say=$BATS_FILE_TMPDIR/rpc_say
  cd "$top" || return
  "${CC:-cc}" -std=c11 -D_GNU_SOURCE -Isrc -o "$say" tests/unit/rpc_say.c src/tunnel/control/{capnp,rpc}.c \
    src/common/base/{buf,mem,span}.c -lcrypto
  for content in Nothing AnyPointer RegisterParams RegisterResults ConfigureParams; do
    sed "s/^using Content = Nothing;/using Content = $content;/" tests/peers/tunnelrpc.capnp \
      >"$BATS_FILE_TMPDIR/$content.capnp"
  done
}

# read_by_capnp CONTENT: the framed message on stdin as capnp's text, in one line.
read_by_capnp() {
  capnp convert binary:text --short "$BATS_FILE_TMPDIR/$1.capnp" Message
}

# written_by_capnp CONTENT TEXT [OPTION...]: the message.
written_by_capnp() {
  capnp convert text:binary "${@:3}" "$BATS_FILE_TMPDIR/$1.capnp" Message <<<"$2"
}

@test "every vector is a message to capnp, and a canonical answer says the same" {
  for file in "$top"/tests/vectors/tunnel/[0-9]*.hex; do
    content=Nothing
    case $file in
      *return-bootstrap*) content=AnyPointer ;;
      *-register-error* | *-register-ok*) content=RegisterResults ;;
      *-register-*) content=RegisterParams ;;
      *-configuration*) content=ConfigureParams ;;
    esac
    perl -0777 -ne 'print pack "H*", s/\s//gr' "$file" >"$BATS_TEST_TMPDIR/vector"
    run -0 read_by_capnp "$content" <"$BATS_TEST_TMPDIR/vector"
    [ -n "$output" ]
    [ "$content" != AnyPointer ] || continue # a capability cannot be written down
    # capnp's own layout of the same message reads the same to us.
    written_by_capnp "$content" "$output" >"$BATS_TEST_TMPDIR/again"
    run -0 "$say" <"$BATS_TEST_TMPDIR/again"
    [ "$output" = "$("$say" <"$BATS_TEST_TMPDIR/vector" | tr -d '\0')" ]
  done
}

@test "capnp reads what we write" {
  while IFS='|' read -r name content expected; do
    "$say" "$name" >"$BATS_TEST_TMPDIR/message"
    run -0 read_by_capnp "$content" <"$BATS_TEST_TMPDIR/message"
    [ "$output" = "$expected" ] || fail_with "$name: $output"
  done <"$BATS_TEST_DIRNAME/peers/rpc_say.expected"
}

@test "we read what capnp writes" {
  call='call = (questionId = 9, interfaceId = 17804583019846587543, methodId = 0'
  written_by_capnp RegisterParams "($call, target = (promisedAnswer = (questionId = 5, transform = [(noop = void)])),
    params = (content = (connIndex = 2, tunnelId = \"t\", auth = (accountTag = \"acc\", tunnelSecret = \"sec\"),
    options = (client = (clientId = \"c\", features = [\"f\", \"g\"], version = \"v\", arch = \"a\"),
    originLocalIp = \"i\", numPreviousAttempts = 6, replaceExisting = true)))))" >"$BATS_TEST_TMPDIR/message"
  run -0 "$say" <"$BATS_TEST_TMPDIR/message"
  [ "$output" = 'kind=2 id=9 method=0 on_answer=1 target=5 index=2 attempts=6 replace=1 account=acc secret=sec tunnel=t'$(
  )' client=c feature=f feature=g version=v arch=a ip=i' ]
  written_by_capnp RegisterResults '(return = (answerId = 4, results = (content = (result = (error = (cause = "c",
    shouldRetry = true, retryAfter = -7))))))' >"$BATS_TEST_TMPDIR/message"
  run -0 "$say" <"$BATS_TEST_TMPDIR/message"
  [ "$output" = 'kind=3 id=4 cause=c retry=1 after=-7' ]
  # A transform that looks into the answer is nothing that we offer.
  written_by_capnp Nothing "($call, target = (promisedAnswer = (questionId = 5, transform = [(getPointerField = 0)]))))" \
    >"$BATS_TEST_TMPDIR/message"
  run -1 "$say" <"$BATS_TEST_TMPDIR/message"
  [ "$output" = malformed ]
}

@test "messages of several segments are refused, as no peer sends them" {
  written_by_capnp Nothing '(abort = (reason = "a reason that takes more than one word of its segment"))' \
    --segment-size=1 >"$BATS_TEST_TMPDIR/message"
  run -1 "$say" <"$BATS_TEST_TMPDIR/message"
  [ "$output" = 'message with several segments' ]
}
