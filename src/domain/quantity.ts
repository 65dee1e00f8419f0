/**
 * Kubernetes quantities (apimachinery pkg/api/resource): "100m", "1.5Gi", "2e3". Counted in billionths, the smallest that
 * Kubernetes knows, so that sums are exact. (@kubernetes/client-node's quantityToScalar throws on "1.5Gi" and "1e3Ki", and
 * answers with numbers here and bigints there.)
 */

/** 1, in billionths. */
export const ONE = 1_000_000_000n;

/** Larger ones with a binary suffix count as this, as in Kubernetes. */
const MOST = (2n ** 63n - 1n) * ONE;

/** Sign, digits, digits behind the point, then a suffix or an exponent; nobody writes more digits than these. */
const QUANTITY = /^([+-]?)(\d{0,40})(?:\.(\d{0,40}))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;

const TENS: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** The quantity in billionths, what is smaller rounded away from zero; undefined for a text that is none. */
export function parseQuantity(text: string): bigint | undefined {
  const [, sign, whole = '', fraction = '', suffix = '', exponent = '0'] = QUANTITY.exec(text) ?? [];
  if (whole === '' && fraction === '') return undefined;
  const binary = BINARY.indexOf(suffix) + 1;
  const tens = 9 + (TENS[suffix] ?? 0) + Number(exponent) - fraction.length;
  const product = BigInt(whole + fraction) * 1024n ** BigInt(binary) * 10n ** BigInt(Math.max(0, tens));
  const amount = divided(product, 10n ** BigInt(Math.max(0, -tens)), 'up');
  const bounded = binary > 0 && amount > MOST ? MOST : amount;
  return sign === '-' ? -bounded : bounded;
}

/**
 * As a person would write it who means this resource: memory and storage as `1.5Gi`, processors as `500m`, else a number;
 * rounded to what is shown in the direction given.
 */
export function formatQuantity(amount: bigint, resource: string, round: 'up' | 'down'): string {
  if (amount < 0n) return `-${formatQuantity(-amount, resource, round === 'up' ? 'down' : 'up')}`;
  if (/memory|storage|hugepages/.test(resource)) {
    const place = BINARY.findLastIndex((_, index) => amount >= ONE * 1024n ** BigInt(index + 1));
    const hundredths = divided(amount * 100n, ONE * 1024n ** BigInt(place + 1), round);
    return `${withoutPoint(hundredths)}${BINARY[place] ?? ''}`;
  }
  const thousandths = divided(amount, ONE / 1000n, round);
  if (thousandths % 1000n === 0n) return String(thousandths / 1000n);
  return resource.endsWith('cpu') ? `${thousandths}m` : String(divided(amount, ONE, round));
}

function divided(amount: bigint, by: bigint, round: 'up' | 'down'): bigint {
  return round === 'up' ? (amount + by - 1n) / by : amount / by;
}

/** Hundredths as a decimal number. */
function withoutPoint(hundredths: bigint): string {
  const rest = String(hundredths % 100n).padStart(2, '0');
  return `${hundredths / 100n}.${rest}`.replace(/\.?0+$/, '');
}
