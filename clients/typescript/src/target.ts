import { BlockList, isIP } from "node:net";

/** What gRPC resolves to hosts. A name server may be named before them, as in `dns://10.0.0.2/host:443`. */
const HOSTS = /^(?:(?:dns|ipv4|ipv6):(?:\/\/[^/]*\/)?)?(.*)$/i;

const LOCAL_NETWORKS = new BlockList();
for (const [network, length] of [
  ["0.0.0.0", 32],
  ["10.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const)
  LOCAL_NETWORKS.addSubnet(network, length, "ipv4");
for (const [network, length] of [
  ["::", 128],
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  LOCAL_NETWORKS.addSubnet(network, length, "ipv6");

/** Whether a target of gRPC names this machine, or only private addresses: a proxy cannot reach them. */
export function isLocal(target: string): boolean {
  if (/^unix:/i.test(target)) return true;
  return (HOSTS.exec(target)?.[1] ?? target).split(",").every((address) => isLocalHost(hostOf(address)));
}

/** Leaves the port out. An IPv6 address has colons, too. */
function hostOf(address: string): string {
  const before = address.slice(0, Math.max(address.lastIndexOf(":"), 0));
  const host = before !== "" && (!before.includes(":") || before.endsWith("]")) ? before : address;
  return host.replace(/^\[|\]$/g, "");
}

function isLocalHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  const address = name.replace(/%.*$/, "");
  const version = isIP(address);
  return version !== 0 && LOCAL_NETWORKS.check(address, version === 4 ? "ipv4" : "ipv6");
}
