import { CHECKPOINT_KEY } from '../domain/checkpoint.ts';
import type { CheckpointStore, HolderPod, SaveAnswer, Stored } from '../ports.ts';
import { NotPermitted } from '../ports.ts';
import { refuserOf } from './access.ts';
import { isSuccess } from './answer.ts';
import { at, isRecord, listAt, textAt } from './json.ts';
import { isTerminal } from './pod-projection.ts';
import type { Call } from './resource.ts';
import { CONFIG_MAPS, PODS } from './resource.ts';
import type { Transport } from './transport.ts';
import { failureOf, notPermitted, ONE_WRITE } from './transport.ts';

export interface CheckpointOptions {
  readonly transport: Transport;
  readonly namespace: string;
  readonly name: string;
  readonly fieldManager: string;
}

/**
 * The checkpoint in a ConfigMap. The object goes back as it was read, with one key replaced, so that labels and other
 * keys survive; a PUT needs no right but `update` and is conditional as a whole.
 */
export class ConfigMapCheckpoint implements CheckpointStore {
  readonly identity: string;
  readonly #options: CheckpointOptions;
  /** As last read or written. */
  #object: Readonly<Record<string, unknown>> | undefined;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.identity = `${options.namespace}/${options.name}`;
  }

  async read(): Promise<Stored> {
    const { status, body } = await this.#options.transport.read(this.#call('get'));
    if (!isSuccess(status) || !isRecord(body)) return { kind: 'missing' };
    this.#object = body;
    return { kind: 'found', text: textAt(body, 'data', CHECKPOINT_KEY), resourceVersion: versionOf(body) };
  }

  /**
   * Throws `NotPermitted` for a 403 that is meant. A crash before the answer leaves the old or the new text, never a part; the
   * number of the save in it tells the next reader which.
   */
  async write(text: string, resourceVersion: string): Promise<SaveAnswer> {
    const before = this.#object;
    if (before === undefined) throw new Error('the checkpoint is read before it is written');
    const metadata = { ...asRecord(before['metadata']), resourceVersion };
    const object = { ...before, metadata, data: { ...asRecord(before['data']), [CHECKPOINT_KEY]: text } };
    const { transport, fieldManager } = this.#options;
    const call = { ...this.#call('update'), query: { fieldManager, timeout: '10s' }, body: object };
    const answer = await transport.attempt(call, ONE_WRITE);
    if (answer.kind === 'answered') {
      const { status, body } = answer;
      if (isSuccess(status) && isRecord(body)) {
        this.#object = body;
        return { kind: 'saved', resourceVersion: versionOf(body) };
      }
      if (status === 409) return { kind: 'conflict' };
      if (status === 404) return { kind: 'missing' };
      if (status === 403 && (await refuserOf(transport, call, answer)) !== undefined) throw notPermitted(call, answer);
    }
    const { message, retryAfter } = failureOf(answer);
    return { kind: 'unanswered', message, retryAfter };
  }

  /** Without the right to see Pods nothing is known about them: `vanished`, and the hold runs out by the clock. */
  async holder({ name, uid }: HolderPod): Promise<'running' | 'terminated' | 'vanished'> {
    const { transport, namespace } = this.#options;
    try {
      const { status, body } = await transport.read({ verb: 'get', resource: PODS, namespace, name });
      if (!isSuccess(status) || textAt(body, 'metadata', 'uid') !== uid) return 'vanished';
      // Any of them may be ours.
      const containers = listAt(body, 'status', 'containerStatuses');
      const isOver = containers.length > 0 && containers.every(one => isRecord(at(one, 'state', 'terminated')));
      return isTerminal(body) || isOver ? 'terminated' : 'running';
    } catch (error) {
      if (error instanceof NotPermitted) return 'vanished';
      throw error;
    }
  }

  #call(verb: 'get' | 'update'): Call {
    const { namespace, name } = this.#options;
    return { verb, resource: CONFIG_MAPS, namespace, name };
  }
}

function versionOf(object: unknown): string {
  return textAt(object, 'metadata', 'resourceVersion') ?? '';
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}
