import type { ContainerImage, ReplicaSetRef } from '../domain/model.ts';

/**
 * One copy of what a cluster repeats: 50,000 Pods have a few hundred images and label values between them. Kept once,
 * their inventory fits into a small Pod. Keys say all that is kept under them, in a way that no other text can, because
 * Pods of all namespaces share it, and none may change what is read of another.
 */
export class Interner {
  readonly #texts = new Map<string, string>();
  readonly #images = new Map<string, readonly ContainerImage[]>();
  readonly #replicaSets = new Map<string, ReplicaSetRef>();
  readonly #lists = new Map<string, readonly string[]>();
  readonly #computed = new Map<string, string>();

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
    // Anybody may name any uid as the owner of a Pod.
    const key = JSON.stringify([name, uid]);
    const known = this.#replicaSets.get(key);
    if (known !== undefined) return known;
    const replicaSet = { name, uid };
    this.#replicaSets.set(key, replicaSet);
    return replicaSet;
  }

  list(texts: readonly string[]): readonly string[] {
    const key = JSON.stringify(texts);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    this.#lists.set(key, texts);
    return texts;
  }

  /** What was computed for the key before, else what `compute` returns. */
  computed(key: string, compute: () => string): string {
    const known = this.#computed.get(key);
    if (known !== undefined) return known;
    const text = compute();
    this.#computed.set(key, text);
    return text;
  }
}
