/** The fleet of the demo: 44 Deployments of 1 to 6 replicas in 4 namespaces, all with an injected sidecar. */
import { deployment, namespace } from '../cluster/fleet.ts';

const TEAMS: Readonly<Record<string, readonly string[]>> = {
  shop: [
    'web',
    'cart',
    'checkout',
    'catalog',
    'pricing',
    'reviews',
    'wishlist',
    'coupons',
    'images',
    'recommendations',
    'gateway',
  ],
  payments: [
    'api',
    'ledger',
    'invoices',
    'refunds',
    'fraud',
    'cards',
    'payouts',
    'currencies',
    'audit',
    'webhooks',
    'statements',
  ],
  search: [
    'frontend',
    'indexer',
    'suggest',
    'ranking',
    'crawler',
    'synonyms',
    'spelling',
    'popular',
    'facets',
    'analytics',
    'query',
  ],
  media: [
    'upload',
    'transcode',
    'thumbnails',
    'stream',
    'captions',
    'storage',
    'playlists',
    'live',
    'covers',
    'rights',
    'player',
  ],
};

const PRIORITY: Readonly<Record<string, number>> = { shop: 3, payments: 2, search: 0, media: 0 };

export const NAMESPACES = Object.keys(TEAMS);

/** Its new Pods crash until it is mended. */
export const BROKEN = { namespace: 'search', name: 'ranking' };

export function fleet(): object[] {
  const deployments = Object.entries(TEAMS).flatMap(([team, names], row) =>
    names.map((name, column) => {
      const broken = team === BROKEN.namespace && name === BROKEN.name;
      return deployment({
        namespace: team,
        name,
        replicas: broken ? 3 : 1 + ((row + column) % 6),
        ...(broken ? { whenRestarted: 'crash-loop' as const } : {}),
        // In this order the broken one stops a sweep that is half done.
        annotations: { 'nightshift/priority': String(broken ? 1 : PRIORITY[team]) },
      });
    }),
  );
  return [...NAMESPACES.map(name => namespace(name)), ...deployments];
}
