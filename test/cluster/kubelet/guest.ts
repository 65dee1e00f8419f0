/** One Pod on the kubelet of one page, from the moment it is bound until its object is gone. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiServer, ApiError } from '../apiserver.ts';
import { type Component, isRunning, startProcess } from '../processes.ts';
import { type LocalCommand, localCommand } from './command.ts';
import type { Pod } from './pod.ts';
import { exitCodeOf, instant, type PodState, statusPatch, terminationMessage } from './status.ts';
import { type Volumes, volumesOf } from './volumes.ts';

export interface Host {
  readonly api: ApiServer;
  readonly server: string;
  readonly clusterFolder: string;
  readonly images: Readonly<Record<string, readonly string[]>>;
}

interface Launched {
  readonly component: Component;
  readonly command: LocalCommand;
  readonly volumes: Volumes;
}

export class Guest {
  readonly folder: string;
  readonly logFile: string;
  private readonly host: Host;
  private pod: Pod;
  private component: Component | undefined;
  private killTimer: NodeJS.Timeout | undefined;
  private killAt = Number.POSITIVE_INFINITY;
  private deadlineExceeded = false;
  /** Nothing is to be done or reported any more: the object is gone, or the Node is. */
  private readonly over = new AbortController();
  private readonly deletion = Promise.withResolvers<void>();

  constructor(pod: Pod, host: Host) {
    const { namespace, name, uid } = pod.metadata;
    this.pod = pod;
    this.host = host;
    this.folder = join(host.clusterFolder, 'pods', namespace, `${name}.${uid.slice(0, 8)}`);
    this.logFile = join(this.folder, 'log');
    mkdirSync(this.folder, { recursive: true });
  }

  /** The whole life; resolves when there is nothing more to do. */
  async live(): Promise<void> {
    const { phase } = this.pod.status;
    const finished = phase === 'Succeeded' || phase === 'Failed';
    const launched = finished ? undefined : await this.launch();
    if (launched !== undefined) await this.attend(launched);
    await this.deletion.promise;
    await this.remove();
  }

  /** The object has changed; a deletion arrives as SIGTERM now and SIGKILL after the grace period. */
  update(pod: Pod): void {
    this.pod = pod;
    const { deletionTimestamp, deletionGracePeriodSeconds = 30 } = pod.metadata;
    if (deletionTimestamp === undefined) return;
    this.deletion.resolve();
    this.terminate(deletionGracePeriodSeconds);
  }

  /** Ends it without a report: its object was removed without waiting for us, or the Node is switched off. */
  abandon(): void {
    this.over.abort();
    this.deletion.resolve();
    this.signal('SIGKILL');
  }

  /** Returns false when no process runs. SIGKILL reaches its children, too, as the end of a container does. */
  signal(name: NodeJS.Signals): boolean {
    const pid = this.component?.process.pid;
    if (this.component === undefined || pid === undefined || !isRunning(this.component)) return false;
    return process.kill(name === 'SIGKILL' ? -pid : pid, name);
  }

  private isDoomed(): boolean {
    return this.over.signal.aborted || this.pod.metadata.deletionTimestamp !== undefined;
  }

  /** Tries until what it mounts and refers to exists; undefined when the Pod is deleted before, or cannot start. */
  private async launch(): Promise<Launched | undefined> {
    const [{ image, name }] = this.pod.spec.containers;
    const entrypoint = this.host.images[image];
    if (entrypoint === undefined) {
      await this.report({ kind: 'waiting', reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` });
      return undefined;
    }
    while (!this.isDoomed()) {
      try {
        const { host, pod, folder } = this;
        const volumes = volumesOf(pod, host.api, folder);
        await volumes.refresh();
        const command = await localCommand({ ...host, pod, entrypoint, podFolder: folder, volumes });
        const component = startProcess(host.clusterFolder, { ...command, name, folder, logFile: this.logFile });
        return { component, command, volumes };
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        await this.report({ kind: 'waiting', reason: 'CreateContainerConfigError', message });
        await sleep(500);
      }
    }
    return undefined;
  }

  private async attend({ component, command, volumes }: Launched): Promise<void> {
    this.component = component;
    const { spec, metadata } = this.pod;
    const startedAt = instant();
    if (metadata.deletionTimestamp !== undefined) this.terminate(metadata.deletionGracePeriodSeconds ?? 30);
    if (this.over.signal.aborted) this.signal('SIGKILL');
    const deadline = setTimeout(() => this.exceedDeadline(), (spec.activeDeadlineSeconds ?? MONTH) * 1000).unref();
    await this.report({ kind: 'running', startedAt });
    void this.keepFresh(volumes);
    await component.ended;
    clearTimeout(deadline);
    clearTimeout(this.killTimer);
    if (this.over.signal.aborted) return;

    const exitCode = exitCodeOf(component);
    const files = { message: command.terminationMessageFile, log: this.logFile };
    const message = terminationMessage(this.pod, exitCode, files);
    await this.report({ kind: 'ended', startedAt, exitCode, message, deadlineExceeded: this.deadlineExceeded });
  }

  /** The kubelet's own deadline, the Pod's; that of a Job is the Job controller's, and arrives as a deletion. */
  private exceedDeadline(): void {
    this.deadlineExceeded = true;
    this.terminate(this.pod.spec.terminationGracePeriodSeconds ?? 30);
  }

  /** Every later change of a Pod that is being deleted comes here again: only a shorter grace period counts. */
  private terminate(graceSeconds: number): void {
    const killAt = performance.now() + graceSeconds * 1000;
    if (this.component === undefined || killAt >= this.killAt) return;
    if (this.killAt === Number.POSITIVE_INFINITY) this.signal('SIGTERM');
    this.killAt = killAt;
    clearTimeout(this.killTimer);
    this.killTimer = setTimeout(() => this.signal('SIGKILL'), graceSeconds * 1000).unref();
  }

  /** A changed ConfigMap arrives within half a second (the real kubelet takes up to two minutes). */
  private async keepFresh(volumes: Volumes): Promise<void> {
    while (this.component !== undefined && isRunning(this.component)) {
      await sleep(500, undefined, { ref: false });
      await volumes.refresh().catch(() => undefined);
    }
  }

  private report(state: PodState): Promise<void> {
    const contentType = 'application/strategic-merge-patch+json';
    const body = statusPatch(this.pod, state);
    return this.insist(path => this.host.api.request(`${path}/status`, { method: 'PATCH', body, contentType }));
  }

  private remove(): Promise<void> {
    const body = { gracePeriodSeconds: 0, preconditions: { uid: this.pod.metadata.uid } };
    return this.insist(path => this.host.api.request(path, { method: 'DELETE', body }));
  }

  /** Tries until the API server has taken it, or says that this Pod is gone or another one. */
  private async insist(request: (path: string) => Promise<unknown>): Promise<void> {
    const { namespace, name } = this.pod.metadata;
    while (!this.over.signal.aborted) {
      try {
        await request(`/api/v1/namespaces/${namespace}/pods/${name}`);
        return;
      } catch (error) {
        if (error instanceof ApiError && [404, 409, 422].includes(error.status)) return;
        await sleep(200);
      }
    }
  }
}

const MONTH = 24 * 24 * 3600;
