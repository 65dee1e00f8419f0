/** `node test/cluster/main.ts up [NODES]` holds a cluster to play with until Ctrl-C. */
import { once } from 'node:events';
import { startCluster } from './cluster.ts';

const [, , command, nodes] = process.argv;
if (command !== 'up' || (nodes !== undefined && !/^\d+$/.test(nodes))) {
  process.stderr.write('usage: node test/cluster/main.ts up [NODES]\n');
  process.exit(2);
}

const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
const before = performance.now();
await using cluster = await startCluster(nodes === undefined ? {} : { nodes: Number(nodes) });
process.stdout.write(`A cluster is ready after ${((performance.now() - before) / 1000).toFixed(1)} s. In another terminal:

    export KUBECONFIG=${cluster.kubeconfig}
    ${cluster.tools}/kubectl get nodes

Logs: ${cluster.folder}/*.log. Ctrl-C removes it.
`);
// Signals do not keep the process alive; the timer does.
const alive = setInterval(() => undefined, 60_000);
await interrupted;
clearInterval(alive);
