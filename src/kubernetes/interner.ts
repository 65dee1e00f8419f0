import type { ContainerImage } from '../domain/model.ts';

/**
 * One copy of what a cluster repeats: 50,000 Pods have a few hundred images and label values between them. Kept once,
 * their inventory fits into a small Pod.
 */
export class Interner {
  readonly #texts = new Map<string, string>();
  readonly #images = new Map<string, readonly ContainerImage[]>();

  text(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#texts.set(text, text);
    return text;
  }

  /** Pods of one template name the same images, so they share one list. */
  images(containers: readonly ContainerImage[]): readonly ContainerImage[] {
    const key = JSON.stringify(containers.map(({ container, image }) => [container, image]));
    const known = this.#images.get(key);
    if (known !== undefined) return known;
    this.#images.set(key, containers);
    return containers;
  }
}
