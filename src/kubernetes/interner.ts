import type { ContainerImage, ReplicaSetRef } from '../domain/model.ts';

/**
 * One copy of what a cluster repeats: 50,000 Pods have a few hundred images and label values between them. Kept once,
 * their inventory fits into a small Pod.
 */
export class Interner {
  readonly #texts = new Map<string, string>();
  readonly #images = new Map<string, readonly ContainerImage[]>();
  readonly #replicaSets = new Map<string, ReplicaSetRef>();
  readonly #lists = new Map<string, readonly string[]>();

  text(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#texts.set(text, text);
    return text;
  }

  /** Pods of one template name the same images, so they share one list. */
  images(containers: readonly ContainerImage[]): readonly ContainerImage[] {
    const key = JSON.stringify(containers.map(({ container, image, imageId }) => [container, image, imageId]));
    const known = this.#images.get(key);
    if (known !== undefined) return known;
    this.#images.set(key, containers);
    return containers;
  }

  replicaSet(name: string, uid: string): ReplicaSetRef {
    const known = this.#replicaSets.get(uid);
    if (known !== undefined) return known;
    const replicaSet = { name, uid };
    this.#replicaSets.set(uid, replicaSet);
    return replicaSet;
  }

  list(texts: readonly string[]): readonly string[] {
    const key = texts.join('\n');
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    this.#lists.set(key, texts);
    return texts;
  }

  /** What was computed for the key before, else what `compute` returns. */
  computed(key: string, compute: () => string): string {
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    const text = compute();
    this.#texts.set(key, text);
    return text;
  }
}
