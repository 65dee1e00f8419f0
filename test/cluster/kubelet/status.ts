/** What a kubelet reports about a Pod with one container that is never restarted. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import type { Component } from '../processes.ts';
import type { Pod } from './pod.ts';

export type PodState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly kind: 'running'; readonly startedAt: string }
  | {
      readonly kind: 'ended';
      readonly startedAt: string;
      readonly exitCode: number;
      readonly message: string;
      readonly deadlineExceeded: boolean;
    };

export function instant(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** A strategic merge patch for the Pod's status. */
export function statusPatch(pod: Pod, state: PodState): object {
  const [container] = pod.spec.containers;
  const ready = state.kind === 'running';
  const waits = state.kind === 'waiting' ? 'ContainersNotReady' : reasonWhenEnded(state);
  const condition = (type: string, holds: boolean) => ({
    type,
    status: holds ? 'True' : 'False',
    reason: holds ? null : waits,
    lastTransitionTime: instant(),
  });
  const conditions = [
    condition('PodReadyToStartContainers', true),
    condition('Initialized', true),
    condition('ContainersReady', ready),
    condition('Ready', ready),
  ];
  const containerStatus = {
    name: container.name,
    image: container.image,
    imageID: container.image,
    ready,
    started: ready,
    restartCount: 0,
    state: containerState(state),
  };
  const failure = state.kind === 'ended' && state.deadlineExceeded ? DEADLINE : {};
  const addresses = { hostIP: '127.0.0.1', podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] };
  const startTime = state.kind === 'waiting' ? {} : { startTime: state.startedAt };
  const status = { phase: phaseOf(state), conditions, containerStatuses: [containerStatus] };
  return { metadata: { uid: pod.metadata.uid }, status: { ...status, ...addresses, ...startTime, ...failure } };
}

const DEADLINE = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
};

function reasonWhenEnded(state: PodState): string | null {
  return state.kind === 'ended' ? (phaseOf(state) === 'Succeeded' ? 'PodCompleted' : 'PodFailed') : null;
}

function phaseOf(state: PodState): string {
  if (state.kind === 'waiting') return 'Pending';
  if (state.kind === 'running') return 'Running';
  return state.exitCode === 0 && !state.deadlineExceeded ? 'Succeeded' : 'Failed';
}

function containerState(state: PodState): object {
  if (state.kind === 'waiting') return { waiting: { reason: state.reason, message: state.message } };
  if (state.kind === 'running') return { running: { startedAt: state.startedAt } };
  const { startedAt, exitCode, message } = state;
  const reason = exitCode === 0 ? 'Completed' : exitCode === NOT_STARTED ? 'StartError' : 'Error';
  return { terminated: { exitCode, reason, message, startedAt, finishedAt: instant() } };
}

const NOT_STARTED = 128;

/** As a container runtime counts it: 128 + N for signal N, 128 for a command that could not be started. */
export function exitCodeOf({ process }: Component): number {
  const { exitCode, signalCode } = process;
  if (signalCode !== null) return NOT_STARTED + constants.signals[signalCode];
  return exitCode === null || exitCode < 0 ? NOT_STARTED : exitCode;
}

/**
 * The first 4096 bytes of the message file. When that is empty and the policy says so, a failed container's last words
 * come from its log: 80 lines or 2048 bytes.
 */
export function terminationMessage(pod: Pod, exitCode: number, files: { message: string; log: string }): string {
  const message = readFileSync(files.message).subarray(0, 4096).toString();
  const [container] = pod.spec.containers;
  const fallsBack = container.terminationMessagePolicy === 'FallbackToLogsOnError' && exitCode !== 0;
  if (message !== '' || !fallsBack) return message;
  return tail(files.log, 2048).split('\n').slice(-81).join('\n');
}

function tail(path: string, bytes: number): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, bytes));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString();
  } finally {
    closeSync(file);
  }
}
