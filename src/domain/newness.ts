import { parseInstant } from './instant.ts';
import { unreachable, type Kind, type Pod } from './model.ts';

/**
 * Whether the restart `at` T made the Pod. Most carry T, copied from the template: no clock is compared. Pods of a Rollout
 * carry none, and go by the rule of its controller: whatever was created before T has to go (argo-rollouts
 * rollout/restart.go).
 */
export function isOfRestart(
  { restartedAt, createdAt }: Pick<Pod, 'restartedAt' | 'createdAt'>,
  { kind, at }: { readonly kind: Kind; readonly at: string },
): boolean {
  switch (kind) {
    case 'Deployment':
    case 'StatefulSet':
    case 'DaemonSet':
      return restartedAt === at;
    case 'Rollout': {
      const time = parseInstant(at);
      return time !== undefined && createdAt >= time;
    }
    default:
      return unreachable(kind);
  }
}
