#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash and kube.bash set
# credrotate and what only a real API server has: run by run.sh, or with OUTBORE_TEST_CLUSTER naming a directory of `up`.

bats_require_minimum_version 1.5.0
load ../lib
load ../kube
load ../credrotate_kube

setup() {
  [ -n "${OUTBORE_TEST_CLUSTER:-}" ] || skip "OUTBORE_TEST_CLUSTER names no cluster of tests/cluster/up"
  start_all
}

teardown() {
  stop_all
  root_k delete validatingadmissionpolicy,validatingadmissionpolicybinding "$ns" --ignore-not-found
}

# nightly: the example, for the names of the tests, and with less patience.
nightly() {
  sed "s|namespace: tunnels|namespace: $ns|; s|\[tunnel\]|[web]|; s|--tunnel=home|--tunnel=web|; s|k8s:tunnels/|k8s:$ns/|
    s|deployment/tunnel\$|deployment/web|; s|https://edge.example/|http://$edge_api/|
    s|^\( *\)- rotate\$|&\n\1- --stable=1s\n\1- --preflight-watch=1s\n\1- --min-connection-age=0s\n\1- --kube-account-dir=$account_dir|" \
    "$top/share/kubernetes/credrotate-rbac.yaml"
}

account_dir=/var/run/secrets/kubernetes.io/serviceaccount # where admission mounts it; processes have no mounts of their own

@test "cluster: the example of a nightly rotation rotates, as a Job of its CronJob, with the rights that it brings" {
  start_pods
  start_load
  k create secret generic credrotate-api --from-file=token=token
  nightly | k apply -f -
  k create job night --from=cronjob/credrotate
  within "$wait_s" job_is night Complete || fail_with "$(k get job night -o yaml)" "$(cat pods/night-*/log)"
  rotations 1
  assert_nothing_lost
  [ "$(control log | jq -r "map(select(.[0] == \"system:serviceaccount:$ns:credrotate\") | .[3]) | unique | join(\" \")")" = "200 201" ]
  # what the first night has left is found by the second
  k create job night2 --from=cronjob/credrotate
  within "$wait_s" job_is night2 Complete || fail_with "$(cat pods/night2-*/log)"
  rotations 2
}

# job_is NAME CONDITION
job_is() {
  k get job "$1" -o json | jq -e ".status.conditions // [] | any(.type == \"$2\" and .status == \"True\")" >/dev/null
}

@test "cluster: a quota that has no room for one more pod is a rollout that gets stuck, and is taken back" {
  start_pods '.spec.progressDeadlineSeconds = 2'
  k create quota few --hard=pods=2
  before=$(control pods | jq -c 'map(.pid)')
  run -1 rotate
  [[ $output == *"ProgressDeadlineExceeded"*"the old secret is current, and all use it"* ]]
  [ "$(held)" = "$(secret_of first.json)" ]
  [ "$(control pods | jq -c 'map(.pid)')" = "$before" ]
}

@test "cluster: the small server of the other tests answers as the real one does" {
  mkdir small
  small_kube small
  start small-kube "$peers/kubeapi.py" --cert small/kube.pem --key small/kube.key --tokens small/tokens.json
  wait_for small-kube.out '^ready '
  "$peers/kubesame.py" "$ns" "$kube_server" kube-ca.pem . \
    "https://127.0.0.1:$(awk '/^ready /{print $2}' small-kube.out)" small/kube-ca.pem small
}

# forbid GROUP RESOURCE: whatever would change one.
forbid() {
  root_k create -f - <<END
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: $ns}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: ["$1"], apiVersions: [v1], operations: [UPDATE], resources: ["$2"]}]
  validations: [{expression: "false", message: "not at this time of the day", reason: Forbidden}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: $ns}
spec:
  policyName: $ns
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $ns}}}
END
  within "$wait_s" is_forbidden "$2"
}

is_allowed() {
  local name=tunnel-credentials
  [ "$1" = secrets ] || name=web
  k patch "$1" "$name" --dry-run=server --type merge -p "{\"metadata\": {\"labels\": {\"x\": \"$RANDOM\"}}}" 2>/dev/null
}

is_forbidden() {
  ! is_allowed "$1"
}

@test "cluster: what an admission policy refuses is not taken for a right that is missing" {
  start_pods
  forbid "" secrets
  run -7 rotate
  [[ $output == *"forbidden, and not by a role"*"ValidatingAdmissionPolicy '$ns' with binding '$ns'"* ]]
  [[ $output != *"the role has to allow"* && $output != *"not at this time"* ]]
  # it is a matter of rights all the same: who may can go on
  root_k delete validatingadmissionpolicybinding "$ns"
  within "$wait_s" is_allowed secrets
  run -0 rotate_with resume
  rotations 1

  root_k delete validatingadmissionpolicy "$ns"
  forbid apps deployments
  run -7 rotate
  [[ $output == *"forbidden, and not by a role"* && $output != *"the role has to allow"* ]]
  root_k delete validatingadmissionpolicybinding "$ns"
  within "$wait_s" is_allowed deployments
  run -0 rotate_with resume
  rotations 2
}
