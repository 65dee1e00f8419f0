/** Pod templates of all sorts, as injection meets them; each is named for what is special about it. */

export interface Template {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: object;
}

const app = { name: 'app', image: 'example.test/app:1' };
/** Istio's way to say something about the proxy in a template: its container, with an image that is to be replaced. */
const ownProxy = { name: 'istio-proxy', image: 'auto', resources: { requests: { cpu: '1m' } } };

/** Those that every change of the injector reaches. */
export const INJECTED = {
  plain: { spec: { containers: [app] } },
  probed: {
    spec: {
      containers: [
        {
          ...app,
          ports: [{ name: 'http', containerPort: 8080 }, { containerPort: 9090 }],
          env: [
            { name: 'GREETING', value: 'hello' },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
          livenessProbe: { tcpSocket: { port: 9090 } },
          startupProbe: { exec: { command: ['true'] } },
          lifecycle: { preStop: { exec: { command: ['true'] } } },
          resources: { requests: { cpu: '10m' }, limits: { memory: '64Mi' } },
        },
      ],
    },
  },
  'several-containers': {
    spec: {
      initContainers: [
        { name: 'prepare', image: 'example.test/prepare:1' },
        { name: 'sidecar', image: 'example.test/sidecar:1', restartPolicy: 'Always' },
      ],
      containers: [app, { name: 'helper', image: 'example.test/helper:1', command: ['help'], args: ['me'] }],
      volumes: [{ name: 'scratch', emptyDir: {} }],
    },
  },
  annotated: {
    metadata: {
      labels: { 'app.kubernetes.io/name': 'other', version: 'v2' },
      annotations: {
        'sidecar.istio.io/proxyCPU': '50m',
        'proxy.istio.io/config': '{ "concurrency": 3, "holdApplicationUntilProxyStarts": true }',
      },
    },
    spec: { containers: [app] },
  },
  secured: {
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsUser: 1000, fsGroup: 1000 },
      tolerations: [{ operator: 'Exists' }],
      hostAliases: [{ ip: '192.0.2.1', hostnames: ['elsewhere'] }],
      containers: [app],
    },
  },
  'own-proxy': { spec: { containers: [app, ownProxy] } },
} satisfies Readonly<Record<string, Template>>;

/** All of its proxy comes from the injector but the name, and it is no sidecar. */
export const GATEWAY = {
  gateway: {
    metadata: {
      labels: { 'sidecar.istio.io/inject': 'true' },
      annotations: { 'inject.istio.io/templates': 'gateway' },
    },
    spec: { containers: [{ name: 'istio-proxy', image: 'auto' }] },
  },
} satisfies Readonly<Record<string, Template>>;

/** Injected like others, with images that no upgrade changes. */
export const PINNED = {
  pinned: {
    metadata: { annotations: { 'sidecar.istio.io/proxyImage': 'example.test/pinned:1' } },
    spec: { containers: [app] },
  },
} satisfies Readonly<Record<string, Template>>;

/** Those that Istio leaves alone. */
export const NOT_INJECTED = {
  'opted-out': { metadata: { labels: { 'sidecar.istio.io/inject': 'false' } }, spec: { containers: [app] } },
  'host-network': { spec: { hostNetwork: true, containers: [app] } },
} satisfies Readonly<Record<string, Template>>;
