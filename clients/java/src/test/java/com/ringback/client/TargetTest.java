package com.ringback.client;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class TargetTest {
  @Test
  void serversThatAreReachedPastAProxy() {
    for (String target :
        List.of(
            "localhost:50051",
            "LocalHost",
            "localhost.:50051",
            "ringback.localhost:50051",
            "127.0.0.1:50051",
            "127.8.8.8",
            "[::1]:50051",
            "::1",
            "0.0.0.0:50051",
            "10.0.0.5:443",
            "172.16.0.1:443",
            "172.31.255.255:443",
            "192.168.1.1:443",
            "169.254.1.1:443",
            "[fd00::1]:443",
            "[fe80::1%1]:443",
            "[::ffff:10.1.2.3]:443",
            "dns:127.0.0.1:50051",
            "dns:///localhost:50051",
            "dns://8.8.8.8/10.0.0.5:443",
            "ipv4:10.0.0.5:443,10.0.0.6:443",
            "unix:///run/ringback.sock")) {
      assertTrue(Target.isLocal(target), target);
    }
  }

  @Test
  void serversThatAProxyMayReach() {
    for (String target :
        List.of(
            "ringback.example:443",
            "dns:///ringback.example:443",
            "localhost.example:443",
            "notlocalhost:443",
            "8.8.8.8:443",
            "172.32.0.1:443",
            "11.0.0.1:443",
            "[2001:db8::1]:443",
            "[::ffff:8.8.8.8]:443",
            "dns://10.0.0.2/ringback.example:443",
            "ipv4:10.0.0.5:443,8.8.8.8:443",
            "10.example:443",
            "")) {
      assertFalse(Target.isLocal(target), target);
    }
  }
}
