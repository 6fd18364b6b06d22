#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash and kube.bash set
# credrotate and Kubernetes where a rotation does not come to its end, and where Secrets are followed by others: as
# credrotate_kube.bats, beside it since both take their time.
# bats-run: early

bats_require_minimum_version 1.5.0
load lib
load kube
load credrotate_kube

setup() {
  start_all
}

teardown() {
  stop_all
}

# --- What does not come to its end ---

# Pods that never took the new secret keep the number that they had; the old secret's are odd here.
are_all_of_the_old() {
  api GET "/$web_id/connections" | jq -e "length == 2 and ([.[].conns[].tunnel_secret_version] | all(. % 2 == 1))" >/dev/null
}

@test "credrotate: a rollout that gets stuck is taken back" {
  start_pods '.spec.progressDeadlineSeconds = 5'
  control pods '{"web": 1}'
  run -1 rotate
  [[ $output == *"ProgressDeadlineExceeded"*"going back"*"the old secret is current, and all use it"* ]]
  [ "$(held)" = "$(secret_of first.json)" ]
  within "$wait_s" pods_are 2
  within "$wait_s" are_all_of_the_old
  run -0 rotate
  rotations 3
}

template_marks() {
  k get deployment web -o json | jq -c .spec.template.metadata.annotations
}

# goes_back MARKS: a rotation whose pods do not become ready ends with those that were there, and with these annotations.
goes_back() {
  local before
  before=$(control pods | jq -c 'map(.pid)')
  control pods '{"web": 9}'
  run -1 rotate
  [[ $output == *"ProgressDeadlineExceeded"*"going back"*"the old secret is current, and all use it"* ]] || fail_with "$output"
  within "$wait_s" pods_are 1
  [ "$(control pods | jq -c 'map(.pid)')" = "$before" ]
  [ "$(template_marks)" = "$1" ]
}

@test "credrotate: where no new pod becomes ready, a rollout goes back to the pods that are there" {
  deployment_manifest web '.spec.progressDeadlineSeconds = 5 | .spec.replicas = 1' | k create --validate=false -f - >/dev/null
  within "$wait_s" pods_are 1
  within "$wait_s" has_connectors 1 2
  start_load
  goes_back null
  control pods '{"web": 0}'
  run -0 rotate
  within "$wait_s" pods_are 1
  goes_back "$(template_marks)" # of the secret before, by a journal that is over
  assert_nothing_lost
}

# Between a line of the journal and its "ok" lies an action; the table is of those that Kubernetes is asked in.
@test "credrotate: killed at any point of a rollout, resume ends rotated, and rolls out once" {
  start_pods "$by_subpath"
  local point count=0
  for point in ROLLING.INSTALL.0 before:ROLLING.INSTALL.0.ok ROLLING.SIGNAL.0 before:ROLLING.SIGNAL.0.ok ROLLING.REJOIN.0 \
    before:ROLLING.REJOIN.0.ok; do
    binary=$with_faults CREDROTATE_FAULT=$point run -137 rotate
    run -0 rotate_with resume
    ((++count))
    rotations "$count" || fail_with "after $point"
    [ "$(generation)" = $((count + 1)) ] || fail_with "$point: rolled out $(($(generation) - count)) times"
  done
}

@test "credrotate: killed on the way back from a rollout, resume ends rolled back" {
  start_pods '.spec.progressDeadlineSeconds = 5'
  local point
  for point in before:ROLLBACK.INSTALL.0.ok before:ROLLBACK.SIGNAL.0.ok before:ROLLED_BACK.ok; do
    control pods '{"web": 1}'
    binary=$with_faults CREDROTATE_FAULT=$point run -137 rotate
    run -1 rotate_with resume
    [ "$(held)" = "$(secret_of first.json)" ]
    within "$wait_s" pods_are 2
    within "$wait_s" are_all_of_the_old || fail_with "after $point"
  done
}

# --- Secrets that are immutable ---

# make_immutable: the Secret is, from now on.
make_immutable() {
  k patch secret tunnel-credentials --type merge -p '{"immutable": true, "metadata": {"labels": {"team": "edge"}}}'
}

# secrets_are NAME...: these are all there are.
secrets_are() {
  [ "$(k get secrets -o json | jq -r '.items | map(.metadata.name) | sort | join(" ")')" = "$*" ] ||
    fail_with "Secrets: $(k get secrets)"
}

@test "credrotate: an immutable Secret is followed by another, which the pods are told to use" {
  start_pods
  make_immutable
  run -3 rotate
  [[ $output == *"is immutable; with --immutable and rollout=deployment/NAME"* ]]
  allow_rotator
  kube_token=rotator-token run -7 rotate --immutable
  [[ $output == *"may not create secrets"* ]]
  immutable_too() {
    sed 's/^  # \(- apiGroups\)/  \1/; s/^  #  \( resources: \[secrets\]\)/   \1/; s/^  #  \( verbs: \[create\)/   \1/'
  }
  allow_rotator immutable_too
  kube_token=rotator-token
  start_load
  run -0 rotate --immutable
  rotations 1
  secrets_are tunnel-credentials-2
  [ "$(k get secret tunnel-credentials-2 -o json | jq -c '[.immutable, .type, .metadata.labels.team]')" = '[true,"Opaque","edge"]' ]
  run -0 rotate --immutable
  rotations 2
  secrets_are tunnel-credentials-3
  assert_nothing_lost
  run -0 rotate_with verify --immutable --target "$target"
  # an attempt that gets stuck leaves what was
  control pods '{"web": 1}'
  k patch deployment web --type merge -p '{"spec": {"progressDeadlineSeconds": 5}}'
  before=$(held tunnel-credentials-3)
  run -1 rotate --immutable
  secrets_are tunnel-credentials-3
  [ "$(held tunnel-credentials-3)" = "$before" ]
}

@test "credrotate: killed while an immutable Secret is replaced, resume ends rotated" {
  start_pods
  make_immutable
  local point count=0
  for point in before:ROLLING.INSTALL.0.ok ROLLING.SIGNAL.0 before:ROLLING.SIGNAL.0.ok RETIRED before:RETIRED.ok; do
    binary=$with_faults CREDROTATE_FAULT=$point run -137 rotate --immutable
    run -0 rotate_with resume # the journal knows
    ((++count))
    rotations "$count" || fail_with "after $point"
    secrets_are "tunnel-credentials-$((count + 1))"
    [ "$(generation)" = $((count + 1)) ] || fail_with "$point: rolled out $(($(generation) - count)) times"
  done
}

@test "credrotate: two Deployments that share an immutable Secret, rolled out together" {
  start_pods
  deployment_manifest web2 | k create --validate=false -f -
  within "$wait_s" pods_are 4
  within "$wait_s" has_connectors 4 2
  make_immutable
  run -0 rotate --immutable --parallel 2 --target "k8s:$ns/tunnel-credentials#credentials.json,rollout=deployment/web2"
  rotations 1
  secrets_are tunnel-credentials-2
}
