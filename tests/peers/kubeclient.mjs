// @kubernetes/client-node against the API server of a kubeconfig: kubeclient.mjs MODULES KUBECONFIG NAMESPACE. Takes the Secret
// "plain" and the Deployment "web" that are there, and asserts what it gets.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const [modules, config, namespace] = process.argv.slice(2);
const k8s = await import(pathToFileURL(`${modules}/@kubernetes/client-node/dist/index.js`).href);

const kc = new k8s.KubeConfig();
kc.loadFromFile(config);
const core = kc.makeApiClient(k8s.CoreV1Api), apps = kc.makeApiClient(k8s.AppsV1Api);
const merge = k8s.setHeaderOptions("Content-Type", k8s.PatchStrategy.MergePatch);
const strategic = k8s.setHeaderOptions("Content-Type", k8s.PatchStrategy.StrategicMergePatch);

const secret = await core.readNamespacedSecret({ name: "plain", namespace });
assert.equal(Buffer.from(secret.data.key, "base64").toString(), "one\n");
assert.equal(secret.type, "Opaque");

const seen = [];
const watched = new Promise((resolve, reject) => {
  new k8s.Watch(kc).watch(`/api/v1/namespaces/${namespace}/secrets`, { fieldSelector: "metadata.name=plain" },
    (type, object) => {
      seen.push([type, object.data.key]);
      if (seen.length === 1)
        core.patchNamespacedSecret({ name: "plain", namespace, body: { data: { key: "dHdv" } } }, merge).catch(reject);
      else
        resolve();
    }, (error) => reject(error ?? new Error("the watch has ended")));
});
await watched;
assert.deepEqual(seen, [["ADDED", "b25lCg=="], ["MODIFIED", "dHdv"]]);

await assert.rejects(core.replaceNamespacedSecret({ name: "plain", namespace, body: secret }), { code: 409 });
await assert.rejects(core.readNamespacedSecret({ name: "none", namespace }), { code: 404 });

const deployment = await apps.readNamespacedDeployment({ name: "web", namespace });
assert.equal(deployment.spec.replicas, 2);
assert.equal(deployment.status.observedGeneration, deployment.metadata.generation);
const body = { spec: { template: { metadata: { annotations: { a: "b" } } } } };
const rolled = await apps.patchNamespacedDeployment({ name: "web", namespace, body }, strategic);
assert.equal(rolled.metadata.generation, deployment.metadata.generation + 1);
const again = await apps.patchNamespacedDeployment({ name: "web", namespace, body }, strategic);
assert.equal(again.metadata.generation, rolled.metadata.generation);
process.exit(0); // the watch stays open
