/**
 * First release of each maintained major version with the fixes of the latest advisories
 * (CVE-2026-111497: remote code execution through the Brotli decoder).
 */
const FIXED: Readonly<Record<number, readonly [number, number, number]>> = {
  22: [22, 23, 4],
  24: [24, 22, 1],
  26: [26, 12, 1],
};
const NEWEST = Math.max(...Object.keys(FIXED).map(Number));

export type NodeVulnerability = Readonly<{ fault: string; remedy: string }>;

/** The path of the Node program that runs this process. */
export const NODE_PATH = process.execPath;

/** Returns the vulnerability of a Node release and the release that fixes it, or null when none is published. */
export function findNodeVulnerability(version: string = process.versions.node): NodeVulnerability | null {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major > NEWEST) {
    return null;
  }
  const fixed = FIXED[major];
  if (!fixed) {
    return {
      fault: `Node ${version} no longer receives security fixes`,
      remedy: `Use Node ${FIXED[24]?.join('.')} or later.`,
    };
  }
  const isFixed = minor > fixed[1] || (minor === fixed[1] && patch >= fixed[2]);
  return isFixed
    ? null
    : {
        fault: `Node ${version} has published vulnerabilities (CVE-2026-111497)`,
        remedy: `Use Node ${fixed.join('.')} or later.`,
      };
}
