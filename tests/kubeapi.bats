#!/usr/bin/env bats
# bats file_tags=once
# shellcheck disable=SC2154 # what lib.bash and kube.bash set
# tests/peers/kubeapi.py, the small server that stands for Kubernetes in credrotate's tests, as clients see it that others
# wrote: kubectl, python3-kubernetes, @kubernetes/client-node. None of our programs runs here.

bats_require_minimum_version 1.5.0
load lib
load kube

setup() {
  cd "$(scope)" || return
  umask 077
  start_kube
  echo one >value
  edge_tunnel=- cacert=- origin_port=0
}

teardown() {
  stop_all
}

make_secret() {
  secret_manifest plain key value "$@" | k create --validate=false -f - >/dev/null
}

# make_deployment [JQ]: two pods that only sleep.
make_deployment() {
  deployment_manifest web '.spec.template.spec |= {containers: [{name: "c", image: "none", command: ["sleep", "600"]}]}
    | .spec.progressDeadlineSeconds = 2'" | ${1:-.}" | k create --validate=false -f - >/dev/null
  within "$wait_s" pods_are 2
}

version_of() {
  k get secret plain -o jsonpath='{.metadata.resourceVersion}'
}

@test "kubeapi: kubectl creates, reads, replaces, patches and deletes a Secret" {
  make_secret
  run -1 make_secret
  [[ $output == *AlreadyExists* || $output == *"already exists"* ]]
  [ "$(k get secret plain -o jsonpath='{.data.key}' | base64 -d)" = one ]
  [[ $(k get secret plain -o yaml) == *"type: Opaque"* ]]
  echo two >value
  secret_manifest plain key value | k replace --validate=false -f -
  [ "$(k get secret plain -o jsonpath='{.data.key}' | base64 -d)" = two ]
  k patch secret plain --type merge -p '{"data": {"more": "AAAA", "key": null}}'
  [ "$(k get secret plain -o json | jq -c .data)" = '{"more":"AAAA"}' ]
  k patch secret plain -p '{"stringData": {"text": "plain"}}'
  [ "$(k get secret plain -o json | jq -c .data)" = '{"more":"AAAA","text":"cGxhaW4="}' ]
  k delete secret plain
  run -1 k get secret plain
  [[ $output == *NotFound* ]]
}

@test "kubeapi: kubectl apply, from the client and from the server" {
  secret_manifest plain key value | k apply --validate=false -f -
  [ "$(k get secret plain -o json | jq '.metadata.annotations | has("kubectl.kubernetes.io/last-applied-configuration")')" = true ]
  before=$(version_of)
  secret_manifest plain key value | k apply --validate=false -f - # no change is no new version
  [ "$(version_of)" = "$before" ]
  echo two >value
  secret_manifest plain key value '.metadata.labels = {a: "b"}' | k apply --validate=false -f -
  [ "$(k get secret plain -o json | jq -r '.metadata.labels.a + .data.key')" = "bdHdvCg==" ]
  secret_manifest plain key value | k apply --validate=false -f - # what is not said any more goes
  [ "$(k get secret plain -o json | jq .metadata.labels)" = null ]

  secret_manifest other key value '.data.second = "AAAA"' | k apply --validate=false --server-side -f -
  secret_manifest other key value | k apply --validate=false --server-side -f -
  [ "$(k get secret other -o json | jq -c '.data | keys')" = '["key"]' ]
  k patch secret other --type merge -p '{"data": {"key": "AAAA"}}' --field-manager somebody
  run -1 eval 'secret_manifest other key value | k apply --validate=false --server-side -f -'
  [[ $output == *'conflict with "somebody"'*".data.key"* ]]
  secret_manifest other key value | k apply --validate=false --server-side --force-conflicts -f -
  [ "$(k get secret other -o jsonpath='{.data.key}' | base64 -d)" = two ]
}

@test "kubeapi: a resourceVersion that is not the newest is a conflict" {
  make_secret
  k get secret plain -o json >old.json
  k label secret plain a=b
  run -1 k replace --validate=false -f old.json
  [[ $output == *"the object has been modified; please apply your changes to the latest version"* ]]
  run -1 k patch secret plain --type merge -p "$(jq -c '{metadata: {resourceVersion}} * {metadata: .metadata | {resourceVersion}}' old.json)"
  [[ $output == *"the object has been modified"* ]]
}

@test "kubeapi: what a Secret has to be" {
  make_secret '.immutable = true'
  run -1 k patch secret plain --type merge -p '{"data": {"key": "AAAA"}}'
  [[ $output == *'field is immutable when `immutable` is set'* ]]
  run -1 k patch secret plain --type merge -p '{"immutable": false}'
  [[ $output == *'field is immutable when `immutable` is set'* ]]
  k label secret plain a=b # what it holds is immutable, it is not
  run -1 eval 'secret_manifest tls key value ".type = \"kubernetes.io/tls\"" | k create --validate=false -f -'
  [[ $output == *"data[tls.crt]: Required value"* ]]
  run -1 eval 'secret_manifest typed key value | k create --validate=false -f - && k patch secret typed --type merge -p "{\"type\": \"a/b\"}"'
  [[ $output == *"field is immutable"* ]]
  run -1 eval 'secret_manifest Upper key value | k create --validate=false -f -'
  [[ $output == *"metadata.name: Invalid value"* ]]
}

@test "kubeapi: kubectl rollout restart and status" {
  make_deployment
  run -0 k rollout status deployment/web --timeout=30s
  [[ $output == *"successfully rolled out"* ]]
  before=$(control pods | jq -c 'map(.pid)')
  k rollout restart deployment/web
  run -0 k rollout status deployment/web --timeout=30s
  [[ $output == *"successfully rolled out"* ]]
  within "$wait_s" pods_are 2 '.annotations["kubectl.kubernetes.io/restartedAt"] != null'
  [ "$(control pods | jq --argjson before "$before" 'map(.pid) - $before | length')" = 2 ]
  control pods '{"web": 9}'
  # a restart is the time in whole seconds, so that a second one might be none
  k patch deployment web -p '{"spec": {"template": {"metadata": {"annotations": {"again": "yes"}}}}}'
  run -1 k rollout status deployment/web --timeout=30s
  [[ $output == *"exceeded its progress deadline"* ]]
}

@test "kubeapi: surge and unavailability bound the pods of a rollout" {
  make_deployment '.spec.strategy.rollingUpdate = {maxSurge: 0, maxUnavailable: 1}'
  control pods '{"web": 9}'
  k rollout restart deployment/web
  run -1 k rollout status deployment/web --timeout=30s
  [ "$(control pods | jq -c '[length, (map(select(.ready)) | length)]')" = "[2,1]" ]
  run -1 eval 'deployment_manifest x ".spec.strategy.rollingUpdate = {maxSurge: 0, maxUnavailable: 0}" | k create --validate=false -f -'
  [[ $output == *"may not be 0 when"* ]]
}

@test "kubeapi: kubectl auth can-i, by Roles that kubectl applied" {
  cat >role.yaml <<END
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: $ns}
rules:
  - {apiGroups: [""], resources: [secrets], resourceNames: [plain], verbs: [get, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: r, namespace: $ns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects: [{kind: ServiceAccount, name: credrotate, namespace: $ns}]
END
  make_secret
  run -1 as_rotator k get secret plain
  [[ $output == *'cannot get resource "secrets"'* ]]
  k apply --validate=false -f role.yaml
  run -0 as_rotator k auth can-i patch secret/plain
  run -1 as_rotator k auth can-i patch secret/other
  run -1 as_rotator k auth can-i delete secret/plain
  as_rotator k get secret plain
  as_rotator k patch secret plain --type merge -p '{"metadata": {"labels": {"a": "b"}}}'
  run -1 as_rotator k get secret other
  [[ $output == *Forbidden* ]]
  revoke rotator
  run -1 as_rotator k get secret plain
  [[ $output == *"must be logged in"* || $output == *"Unauthorized"* ]]
}

@test "kubeapi: kubectl takes the example of roles and of a nightly rotation" {
  sed "s/namespace: tunnels/namespace: $ns/" "$top/share/kubernetes/credrotate-rbac.yaml" >example.yaml
  run -0 k apply --validate=false --dry-run=client -f example.yaml
  [ "$(grep -cE '(created|configured) \(dry run\)' <<<"$output")" = 5 ] # one may be there
}

@test "kubeapi: a mounted Secret is written as the kubelet does, and a subPath stays" {
  make_secret
  deployment_manifest web '.spec.replicas = 1 | .spec.template.spec |= {volumes: [{name: "v", secret: {secretName: "plain"}}],
    containers: [{name: "c", image: "none", command: ["sh", "-c", "read x </etc/d/key; read y </etc/one; echo got $x $y; exec sleep 600"],
      volumeMounts: [{name: "v", mountPath: "/etc/d"}, {name: "v", mountPath: "/etc/one", subPath: "key"}]}]}' |
    sed 's#read x </etc/d/key; read y </etc/one;#x=$(cat $0); y=$(cat $1);#; s#"-c","\([^"]*\)"#"-c","\1","/etc/d/key","/etc/one"#' |
    k create --validate=false -f -
  within "$wait_s" pods_are 1
  pod=$(control pods | jq -r '.[0].dir')
  within "$wait_s" grep -qx 'got one one' "$pod/log"
  [ -L "$pod/v/key" ] && [ "$(readlink "$pod/v/key")" = ..data/key ] && [[ $(readlink "$pod/v/..data") == ..20* ]]
  first=$(readlink "$pod/v/..data")
  echo two >value
  secret_manifest plain key value | k replace --validate=false -f -
  within "$wait_s" grep -qx two "$pod/v/key"
  [ ! -e "$pod/v/$first" ] && [ "$(cat "$pod"/subpath-*)" = one ]
}

@test "kubeapi: python3-kubernetes reads, patches, watches" {
  /usr/bin/python3 -c 'import kubernetes' 2>/dev/null || skip "no python3-kubernetes here"
  make_secret
  make_deployment
  timeout "$wait_s" /usr/bin/python3 "$peers/kubeclient.py" "$PWD/admin.kubeconfig" "$ns"
}

@test "kubeapi: @kubernetes/client-node reads, patches, watches" {
  modules=$("$top/tests/schemas/client-node") || skip "@kubernetes/client-node cannot be had here: npm, a network, node 20"
  make_secret
  make_deployment
  timeout "$wait_s" node "$peers/kubeclient.mjs" "$modules" "$PWD/admin.kubeconfig" "$ns"
}
