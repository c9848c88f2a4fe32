package com.ringback.example;

import com.ringback.client.BearerToken;
import com.ringback.client.RingbackChannel;
import io.grpc.ChannelCredentials;
import io.grpc.CompositeChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;

final class Secured {
  /** Read for each call, so a token that is renewed is used at once. */
  private static final BearerToken TOKEN =
      BearerToken.fromFile(Path.of("/run/secrets/ringback-token"));

  /** Over TLS, to a server whose authority is in a file, with a client certificate and a token. */
  static ManagedChannel open() throws IOException {
    ChannelCredentials tls =
        TlsChannelCredentials.newBuilder()
            .trustManager(new File("/etc/ringback/ca.pem"))
            .keyManager(
                new File("/etc/ringback/client.pem"), new File("/etc/ringback/client-key.pem"))
            .build();
    return RingbackChannel.open(
        "ringback.example:443", CompositeChannelCredentials.create(tls, TOKEN));
  }

  /** On the loopback interface, or within a service mesh. */
  static ManagedChannel openInPlainText() {
    return RingbackChannel.open(
        "localhost:50051",
        CompositeChannelCredentials.create(
            InsecureChannelCredentials.create(), TOKEN.alsoInPlainText()));
  }
}
