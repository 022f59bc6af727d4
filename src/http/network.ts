import ipaddr from 'ipaddr.js';

/**
 * Returns the network that counts as one client: an IPv4 address, or a /64 of IPv6, because one
 * user has 2^64 addresses.
 */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) {
    return address;
  }
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6
    ? ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()
    : parsed.toString();
}
