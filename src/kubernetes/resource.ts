import { unreachable } from '../domain/model.ts';
import type { Permission } from '../ports.ts';

/** A kind of API object: where it lives and what RBAC calls it. */
export interface Resource {
  /** As RBAC spells it: `deployments.apps`. */
  readonly name: string;
  readonly group: string;
  readonly plural: string;
  /** `/api/v1` or `/apis/GROUP/VERSION`. */
  readonly root: string;
  readonly namespaced: boolean;
  /** Of one object of the plural. */
  readonly subresource?: string;
  /** Somebody has to install it first. */
  readonly custom?: true;
}

const core = (plural: string, namespaced = true): Resource => ({
  name: plural,
  group: '',
  plural,
  root: '/api/v1',
  namespaced,
});

export const PODS = core('pods');
/** `pods/eviction` is a subresource, with rights of its own. */
export const EVICTIONS: Resource = { ...core('pods'), name: 'pods/eviction', subresource: 'eviction' };
export const NAMESPACES = core('namespaces', false);
export const CONFIG_MAPS = core('configmaps');
export const SECRETS = core('secrets');
export const EVENTS = core('events');
export const QUOTAS = core('resourcequotas');
export const BUDGETS: Resource = {
  name: 'poddisruptionbudgets.policy',
  group: 'policy',
  plural: 'poddisruptionbudgets',
  root: '/apis/policy/v1',
  namespaced: true,
};
export const AUTOSCALERS: Resource = {
  name: 'horizontalpodautoscalers.autoscaling',
  group: 'autoscaling',
  plural: 'horizontalpodautoscalers',
  root: '/apis/autoscaling/v2',
  namespaced: true,
};
export const ACCESS_REVIEWS: Resource = {
  name: 'selfsubjectaccessreviews.authorization.k8s.io',
  group: 'authorization.k8s.io',
  plural: 'selfsubjectaccessreviews',
  root: '/apis/authorization.k8s.io/v1',
  namespaced: false,
};

/** One request, in the words of RBAC. */
export interface Call {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch';
  readonly resource: Resource;
  /** '' for the whole cluster. */
  readonly namespace: string;
  readonly name?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of what is listed only the metadata is wanted. */
  readonly metadataOnly?: boolean;
}

/** Path and query below the server's address. */
export function pathOf({ resource, namespace, name, query = {} }: Call): string {
  const inNamespace = resource.namespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  const part = resource.subresource === undefined ? '' : `/${resource.subresource}`;
  const parameters = new URLSearchParams(query).toString();
  return `${resource.root}${inNamespace}/${resource.plural}${object}${part}${parameters === '' ? '' : `?${parameters}`}`;
}

export function methodOf(call: Call): 'GET' | 'POST' | 'PUT' | 'PATCH' {
  switch (call.verb) {
    case 'get':
    case 'list':
    case 'watch':
      return 'GET';
    case 'create':
      return 'POST';
    case 'update':
      return 'PUT';
    case 'patch':
      return 'PATCH';
    default:
      return unreachable(call.verb);
  }
}

/** The right that the call needs. */
export function permissionOf({ verb, resource, namespace }: Call): Permission {
  return { verb, resource: resource.name, namespace };
}

/** For messages: `get deployments.apps shop/cart`. */
export function describeCall({ verb, resource, namespace, name }: Call): string {
  const object = [resource.namespaced ? namespace : '', name ?? ''].filter(part => part !== '').join('/');
  return `${verb} ${resource.name}${object === '' ? '' : ` ${object}`}`;
}
