package com.ringback.client;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a server is. */
final class Target {
  /**
   * What gRPC resolves to hosts. A name server may be named before them: dns://10.0.0.2/host:443.
   */
  private static final Pattern HOSTS =
      Pattern.compile("(?:(?:dns|ipv4|ipv6):(?://[^/]*/)?)?(.*)", Pattern.DOTALL);

  /** An address, and no name that would have to be looked up. */
  private static final Pattern ADDRESS =
      Pattern.compile("[0-9]+(\\.[0-9]+){3}|[0-9a-f:.]*:[0-9a-f:.]*");

  private Target() {}

  /**
   * Tells whether a target names this machine, or only private addresses: a proxy cannot reach
   * them.
   */
  static boolean isLocal(String target) {
    String lower = target.toLowerCase(Locale.ROOT);
    if (lower.startsWith("unix:")) {
      return true;
    }
    Matcher hosts = HOSTS.matcher(lower);
    return hosts.matches()
        && Arrays.stream(hosts.group(1).split(",")).allMatch(each -> isLocalHost(hostOf(each)));
  }

  /** Leaves the port out. An IPv6 address has colons, too. */
  private static String hostOf(String address) {
    String before = address.substring(0, Math.max(address.lastIndexOf(':'), 0));
    boolean hasPort = !before.isEmpty() && (!before.contains(":") || before.endsWith("]"));
    return (hasPort ? before : address).replaceAll("^\\[|]$", "");
  }

  private static boolean isLocalHost(String host) {
    String name = host.replaceAll("\\.$", "");
    if (name.equals("localhost") || name.endsWith(".localhost")) {
      return true;
    }
    String address = name.replaceAll("%.*$", "");
    if (!ADDRESS.matcher(address).matches()) {
      return false;
    }
    try {
      return isLocal(InetAddress.getByName(address));
    } catch (UnknownHostException e) {
      return false;
    }
  }

  private static boolean isLocal(InetAddress address) {
    return address.isLoopbackAddress()
        || address.isSiteLocalAddress()
        || address.isLinkLocalAddress()
        || address.isAnyLocalAddress()
        || isUniqueLocal(address.getAddress());
  }

  /** fc00::/7, which Java has no question for. */
  private static boolean isUniqueLocal(byte[] address) {
    return address.length == 16 && (address[0] & 0xfe) == 0xfc;
  }
}
