import { globMatches, simplestGlob } from './glob.ts';

/**
 * Image references as container runtimes read them (github.com/distribution/reference): a registry, docker.io where none
 * is named; a repository, below library/ where docker.io is given a single word; a tag, latest where there is neither tag
 * nor digest.
 */
export interface ImageReference {
  /** With its registry. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:...` */
  readonly digest: string | undefined;
}

const DEFAULT_REGISTRY = 'docker.io';
const DEFAULT_TAG = 'latest';

/** What an image of a Pod refers to. Never fails: what is no reference is one that nothing else equals. */
export function parseImage(text: string): ImageReference {
  const [named, digest] = splitOnce(text, '@');
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const name = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  return { repository: withRegistry(name), tag: tag ?? (digest === undefined ? DEFAULT_TAG : undefined), digest };
}

/**
 * A pattern of the policy, or why it is none. With a digest the tag says nothing, as for a runtime. Where its first part
 * has a star, it may stand for a registry as well as for a part of a name below the default one: both are meant.
 */
export function parseImagePattern(text: string): ImageReference | { readonly problem: string } {
  const pattern = simplestGlob(text);
  const { repository, tag, digest } = parseImage(pattern);
  if (!/^[^/]+(\/[^/]+)*$/.test(repository)) return { problem: 'it names no repository' };
  if (digest !== undefined) {
    return DIGEST.test(digest)
      ? { repository, tag: undefined, digest }
      : { problem: 'a digest is sha256: and 64 hexadecimal digits' };
  }
  const hasTag = pattern.lastIndexOf(':') > pattern.lastIndexOf('/');
  const saysLittle = repository.includes('*') && !/[a-z0-9]{2}/i.test(repository);
  if (saysLittle && (tag === '*' || !hasTag)) return { problem: 'this one means every image' };
  if (repository.includes('*') && !hasTag) {
    return { problem: `behind a * nobody knows whether a tag is meant: name one, such as ${text}:*` };
  }
  if (!/^[A-Za-z0-9_*][A-Za-z0-9._*-]{0,127}$/.test(tag ?? '')) return { problem: 'what follows the colon is no tag' };
  return { repository, tag, digest };
}

export function formatImage({ repository, tag, digest }: ImageReference): string {
  return `${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/**
 * Whether a pattern means the image that a container runs. A pattern with a digest is compared with the image's own, or
 * with the one that the node says it runs (`imageID`); undefined while that is not known.
 */
export function imageMatches(
  pattern: string,
  { image, imageId }: { readonly image: string; readonly imageId: string | undefined },
): boolean | undefined {
  const wanted = parseImage(pattern);
  const found = parseImage(image);
  if (!repositoryMatches(wanted.repository, found.repository)) return false;
  if (wanted.digest === undefined) return globMatches(wanted.tag ?? DEFAULT_TAG, found.tag ?? '');
  const digest = found.digest ?? digestOf(imageId);
  return digest === undefined ? undefined : digest === wanted.digest;
}

/** Whether some image may be meant by both patterns. Of two with stars in one place nobody asks. */
export function mayOverlap(one: string, other: string): boolean {
  const [a, b] = [parseImage(one), parseImage(other)];
  const repositories = repositoryMatches(a.repository, b.repository) || repositoryMatches(b.repository, a.repository);
  if (!repositories && !(a.repository.includes('*') && b.repository.includes('*'))) return false;
  if (a.digest !== undefined && b.digest !== undefined) return a.digest === b.digest;
  if (a.tag === undefined || b.tag === undefined) return true;
  return tagsMeet(a.tag, b.tag);
}

/** What stands before the first star and behind the last one has to fit. */
function tagsMeet(a: string, b: string): boolean {
  if (!a.includes('*') || !b.includes('*')) return globMatches(a, b) || globMatches(b, a);
  const [headA = '', headB = ''] = [a, b].map(tag => tag.split('*')[0]);
  const [tailA = '', tailB = ''] = [a, b].map(tag => tag.split('*').at(-1));
  return (headA.startsWith(headB) || headB.startsWith(headA)) && (tailA.endsWith(tailB) || tailB.endsWith(tailA));
}

const repositoryMatches = (pattern: string, repository: string): boolean =>
  globMatches(pattern, repository) ||
  (hasOpenRegistry(pattern) && globMatches(inLibrary(DEFAULT_REGISTRY, pattern), repository));

const hasOpenRegistry = (pattern: string): boolean => pattern.split('/', 1)[0]?.includes('*') === true;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** `docker.io/istio/proxyv2@sha256:...`; a bare digest is that of the configuration, which no reference names. */
function digestOf(imageId: string | undefined): string | undefined {
  const [, digest = ''] = splitOnce(imageId ?? '', '@');
  return DIGEST.test(digest) ? digest : undefined;
}

/** A first part with a dot, a colon or a star, or `localhost`, is a registry. */
function withRegistry(name: string): string {
  const [first, rest] = splitOnce(name, '/');
  if (hasOpenRegistry(name)) return name;
  if (rest !== undefined && (/[.:]/.test(first) || first === 'localhost')) {
    return first === 'index.docker.io' ? withRegistry(rest) : inLibrary(first, rest);
  }
  return inLibrary(DEFAULT_REGISTRY, name);
}

const inLibrary = (registry: string, name: string): string =>
  `${registry}/${registry === DEFAULT_REGISTRY && !name.includes('/') ? `library/${name}` : name}`;

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
