#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash and kube.bash set
# cloudflared in the pods of a Deployment, whose secret is rotated: behind the small server with the shapes of Kubernetes' API
# that CONTRIBUTING.md tells of. Run by run.sh, with CONNECTOR naming which cloudflared.

load ../lib
load ../kube
load ../credrotate_kube

setup() {
  start_all
}

teardown() {
  stop_all
}

# bats test_tags=interop
@test "cloudflared: a Deployment is rolled out with the new secret, and no request is lost" {
  binary=$CLOUDFLARED
  options=', "--no-prechecks"'
  [[ $CONNECTOR != *-old ]] || binary=$CLOUDFLARED_OLD options=
  start_pods ".spec.template.spec.containers[0] |= (.args += [\"$web_id\"] | .command = [\"$binary\", \"tunnel\",
    \"--no-autoupdate\", \"--protocol\", \"http2\"$options])"
  unset binary
  start_load
  run -0 rotate
  rotations 1
  assert_nothing_lost
  run -3 rotate --target "$target,signal=none"
  [[ $output == *"which those of another make do not"* ]]
}
