import type { Admission, Injection } from '../src/domain/drift.ts';
import { encodeContainers, encodeValues, type PodShape } from '../src/domain/shape.ts';

/** An injector that puts a container `proxy` beside `app`, by its version; undefined for one that is down and ignored. */

const APP = { image: { '': 'app:1' } };
const proxy = (version: number) => ({ image: { '': `proxy:${version}` }, other: { placement: 'a container' } });

export const shapeWith = (version: number | undefined): PodShape => ({
  containers: encodeContainers(version === undefined ? { app: APP } : { app: APP, proxy: proxy(version) }),
  annotations: encodeValues({}),
});

export const admittedWith = (version: number | undefined): Admission => ({
  kind: 'admitted',
  template: shapeWith(undefined),
  pod: shapeWith(version),
});

export const REFUSED: Admission = { kind: 'refused', message: 'failed calling webhook' };

/** What comes of comparing. */
export const SAME: Injection & { kind: 'same' } = {
  kind: 'same',
  detail: '',
  resolved: { containers: '1', settings: '1' },
};
export const DRIFTED: Injection & { kind: 'drifted' } = {
  kind: 'drifted',
  inContainers: true,
  detail: 'proxy runs proxy:1',
  resolved: { containers: '2', settings: '1' },
};
export const UNKNOWN: Injection = { kind: 'unknown', detail: 'nobody answers' };
