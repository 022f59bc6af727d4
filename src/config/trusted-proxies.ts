import { compile } from 'proxy-addr';

/** Whether the sender at `address`, `hop` hops before this process, is a trusted proxy. */
export type TrustedProxies = (address: string, hop: number) => boolean;

/**
 * Reads `TRUST_PROXY`: `false` for none, `true` for one proxy in front, a number of hops, or a
 * comma-separated list of addresses, networks and the names `loopback`, `linklocal` and
 * `uniquelocal`.
 *
 * @throws TypeError for any other value
 */
export function parseTrustedProxies(text: string): TrustedProxies | null {
  if (text === 'false') {
    return null;
  }
  if (text === 'true' || /^[1-9]$/.test(text)) {
    const hops = text === 'true' ? 1 : Number(text);
    return (_address, hop) => hop < hops;
  }
  const places = text.split(',').map((place) => place.trim());
  // proxy-addr reads a number as the address 0.0.0.<number>.
  if (places.some((place) => !/^(loopback|linklocal|uniquelocal|.*[.:].*)$/.test(place))) {
    throw new TypeError('Must be a list of addresses.');
  }
  return compile(places);
}
