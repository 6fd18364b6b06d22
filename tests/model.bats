#!/usr/bin/env bats
# The rotation of a secret as a model (tests/model/README.md), checked whole by spin, and mistakes that it has to find.
# bats file_tags=once

model=${BATS_TEST_DIRNAME}/model/rotation.pml

# check [MACRO]: every reachable state. What it found is in `report`.
check() {
  mkdir "$BATS_TEST_TMPDIR/${1:-sound}"
  cd "$BATS_TEST_TMPDIR/${1:-sound}" || return
  spin ${1:+"-D$1"} -a "$model" || return
  ${CC:-cc} -O1 -w -DSAFETY -DNOREDUCE -o pan pan.c || return
  ./pan -m100000 -w18 >report 2>&1 || return
  report=$(<report)
  # Neither the depth nor the memory may have been too small.
  [[ $report = *'+ invalid end states'* || $report = *'invalid end states	+'* ]]
  [[ $report != *'max search depth too small'* && $report != *'out of memory'* ]]
}

@test "model: whatever a target has can register at any moment, and at the end the old secret is dead" {
  check
  [[ $report = *', errors: 0'* ]]
  # All of it was tried: each step of credrotate, but for the no-op of the first PATCH.
  unreached=$(sed -n '/^unreached in proctype credrotate/,/^unreached in proctype watcher/p' <<<"$report" | grep -c 'state ')
  ((unreached <= 1))
  (($(awk '/states, stored/ { print $1 }' <<<"$report") > 5000))
}

@test "model: both good ends are reached" {
  for end in REACHES_DONE REACHES_ROLLED_BACK; do
    check "$end"
    [[ $report = *'assertion violated'*', errors: 1'* ]]
  done
}

@test "model: each mistake is found" {
  for mistake in WRONG_NO_WINDOW WRONG_EARLY_CLOSE WRONG_BLIND_RETRY WRONG_RESUME WRONG_ROLLBACK; do
    check "$mistake"
    [[ $report = *'assertion violated'*', errors: 1'* ]]
  done
}

@test "model: each assumption is needed" {
  for more in ALSO_EXPIRES ALSO_LATE; do
    check "$more"
    [[ $report = *'assertion violated'*', errors: 1'* ]]
  done
}
