package com.ringback.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.ringback.v1.CallbacksServiceGrpc;
import com.ringback.v1.CallbacksServiceGrpc.CallbacksServiceImplBase;
import com.ringback.v1.GetCallbackRequest;
import com.ringback.v1.GetCallbackResponse;
import io.grpc.ChannelCredentials;
import io.grpc.CompositeChannelCredentials;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.TlsServerCredentials;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Over real connections. */
class RingbackChannelTest {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** Is away for the first calls, and notes what was sent as authorization. */
  private static final class Fake extends CallbacksServiceImplBase implements ServerInterceptor {
    final List<String> authorizations = new CopyOnWriteArrayList<>();
    private final int refusals;
    private final Status refusal;

    /** What happens before the answer. */
    volatile Runnable meanwhile = () -> {};

    Fake(int refusals) {
      this(refusals, Status.UNAVAILABLE);
    }

    Fake(int refusals, Status refusal) {
      this.refusals = refusals;
      this.refusal = refusal;
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      authorizations.add(String.valueOf(headers.get(AUTHORIZATION)));
      return next.startCall(call, headers);
    }

    @Override
    public void getCallback(
        GetCallbackRequest request, StreamObserver<GetCallbackResponse> answer) {
      meanwhile.run();
      if (authorizations.size() <= refusals) {
        answer.onError(refusal.asException());
      } else {
        answer.onNext(GetCallbackResponse.getDefaultInstance());
        answer.onCompleted();
      }
    }
  }

  private static Server serve(Fake fake, int port, ServerCredentials credentials)
      throws IOException {
    return Grpc.newServerBuilderForPort(port, credentials)
        .addService(fake)
        .intercept(fake)
        .build()
        .start();
  }

  private static void call(ManagedChannel channel) {
    CallbacksServiceGrpc.newBlockingStub(channel)
        .getCallback(GetCallbackRequest.getDefaultInstance());
  }

  /** Serves the fake, and calls it once over a channel with these credentials. */
  private static void call(Fake fake, ServerCredentials server, ChannelCredentials client)
      throws IOException {
    Server running = serve(fake, 0, server);
    ManagedChannel channel = RingbackChannel.open("localhost:" + running.getPort(), client);
    try {
      call(channel);
    } finally {
      channel.shutdownNow();
      running.shutdownNow();
    }
  }

  @Test
  void aProxyOfTheJvmIsPassedByOnTheWayToThisMachine() throws IOException {
    System.setProperty("https.proxyHost", "127.0.0.1");
    System.setProperty("https.proxyPort", "1"); // nothing listens there
    System.setProperty("http.nonProxyHosts", "");
    try {
      Fake fake = new Fake(0);
      call(fake, InsecureServerCredentials.create(), InsecureChannelCredentials.create());
      assertEquals(1, fake.authorizations.size());
    } finally {
      for (String name : List.of("https.proxyHost", "https.proxyPort", "http.nonProxyHosts")) {
        System.clearProperty(name);
      }
    }
  }

  @Test
  void repeatsCallsWhileTheServerIsAway() throws Exception {
    Fake fake = new Fake(2);
    call(fake, InsecureServerCredentials.create(), InsecureChannelCredentials.create());
    assertEquals(List.of("null", "null", "null"), fake.authorizations);
  }

  @Test
  void repeatsWhatAServerThatStopsCancels() throws Exception {
    Fake fake = new Fake(2, Status.CANCELLED);
    call(fake, InsecureServerCredentials.create(), InsecureChannelCredentials.create());
    assertEquals(List.of("null", "null", "null"), fake.authorizations);
  }

  @Test
  void doesNotRepeatWhatTheCallerCancels() throws Exception {
    Fake fake = new Fake(0);
    Server running = serve(fake, 0, InsecureServerCredentials.create());
    ManagedChannel channel =
        RingbackChannel.open("localhost:" + running.getPort(), InsecureChannelCredentials.create());
    Context.CancellableContext caller = Context.current().withCancellation();
    fake.meanwhile = () -> caller.cancel(null);
    try {
      StatusRuntimeException error =
          assertThrows(StatusRuntimeException.class, () -> caller.run(() -> call(channel)));
      assertEquals(Status.Code.CANCELLED, error.getStatus().getCode());
      fake.meanwhile = () -> {};
      call(channel); // comes after any repetition of the first
    } finally {
      channel.shutdownNow();
      running.shutdownNow();
    }
    assertEquals(2, fake.authorizations.size());
  }

  @Test
  void connectsAtOnceWhenTheServerIsBack() throws Exception {
    ServerCredentials plainText = InsecureServerCredentials.create();
    Server before = serve(new Fake(0), 0, plainText);
    int port = before.getPort();
    before.shutdownNow().awaitTermination();
    ManagedChannel channel =
        RingbackChannel.open("localhost:" + port, InsecureChannelCredentials.create());
    Fake fake = new Fake(0);
    assertThrows(StatusRuntimeException.class, () -> call(channel));
    Server after = serve(fake, port, plainText);
    try {
      call(channel);
    } finally {
      channel.shutdownNow();
      after.shutdownNow();
    }
    assertEquals(1, fake.authorizations.size());
  }

  @Test
  void sendsTheTokenOverTls(@TempDir Path folder) throws Exception {
    SelfSigned certificate = SelfSigned.forLocalhost(folder);
    Fake fake = new Fake(0);
    call(
        fake,
        TlsServerCredentials.newBuilder().keyManager(certificate.keyManagers()).build(),
        CompositeChannelCredentials.create(
            TlsChannelCredentials.newBuilder()
                .trustManager(certificate.certificate().toFile())
                .build(),
            new BearerToken("secret")));
    assertEquals(List.of("Bearer secret"), fake.authorizations);
  }

  @Test
  void trustsOnlyWhomItShould(@TempDir Path folder) throws Exception {
    SelfSigned certificate = SelfSigned.forLocalhost(folder);
    Fake fake = new Fake(0);
    StatusRuntimeException error =
        assertThrows(
            StatusRuntimeException.class,
            () ->
                call(
                    fake,
                    TlsServerCredentials.newBuilder().keyManager(certificate.keyManagers()).build(),
                    TlsChannelCredentials.create()));
    assertEquals(Status.Code.UNAVAILABLE, error.getStatus().getCode());
    assertEquals(List.of(), fake.authorizations);
  }

  @Test
  void neverSendsTheTokenOverPlainText() {
    Fake fake = new Fake(0);
    ChannelCredentials client =
        CompositeChannelCredentials.create(
            InsecureChannelCredentials.create(), new BearerToken("secret"));
    StatusRuntimeException error =
        assertThrows(
            StatusRuntimeException.class,
            () -> call(fake, InsecureServerCredentials.create(), client));
    assertEquals(Status.Code.UNAUTHENTICATED, error.getStatus().getCode());
    assertEquals(List.of(), fake.authorizations);
  }

  @Test
  void sendsTheTokenInPlainTextWhereThatIsSaid() throws Exception {
    Fake fake = new Fake(0);
    call(fake, InsecureServerCredentials.create(), inPlainText(new BearerToken("secret")));
    assertEquals(List.of("Bearer secret"), fake.authorizations);
  }

  @Test
  void readsTheTokenFileForEachTry(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("token");
    Files.writeString(file, "first");
    Fake fake = new Fake(1);
    fake.meanwhile = () -> write(file, "  second\r\n");
    call(fake, InsecureServerCredentials.create(), inPlainText(BearerToken.fromFile(file)));
    assertEquals(List.of("Bearer first", "Bearer second"), fake.authorizations);
  }

  @Test
  void sendsNothingWithoutAUsableToken(@TempDir Path folder) throws Exception {
    Path empty = write(folder.resolve("empty"), " \n");
    Path two = write(folder.resolve("two"), "secret\nsecret\n");
    Fake fake = new Fake(0);
    for (BearerToken token :
        List.of(
            new BearerToken(""),
            new BearerToken("secret\nx-admin: 1"),
            new BearerToken("secrét"),
            BearerToken.fromFile(empty),
            BearerToken.fromFile(two),
            BearerToken.fromFile(folder.resolve("none")))) {
      StatusRuntimeException error =
          assertThrows(
              StatusRuntimeException.class,
              () -> call(fake, InsecureServerCredentials.create(), inPlainText(token)));
      assertEquals(Status.Code.UNAUTHENTICATED, error.getStatus().getCode());
      assertFalse(error.getMessage().contains("secr"), error.getMessage());
    }
    assertEquals(List.of(), fake.authorizations);
  }

  private static ChannelCredentials inPlainText(BearerToken token) {
    return CompositeChannelCredentials.create(
        InsecureChannelCredentials.create(), token.alsoInPlainText());
  }

  private static Path write(Path file, String content) {
    try {
      return Files.writeString(file, content);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  @Test
  void showsTheCertificateOfTheClient(@TempDir Path mine, @TempDir Path theirs) throws Exception {
    SelfSigned client = SelfSigned.forLocalhost(mine);
    SelfSigned server = SelfSigned.forLocalhost(theirs);
    ServerCredentials mutual =
        TlsServerCredentials.newBuilder()
            .keyManager(server.keyManagers())
            .trustManager(client.certificate().toFile())
            .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
            .build();
    TlsChannelCredentials.Builder trusting =
        TlsChannelCredentials.newBuilder().trustManager(server.certificate().toFile());
    Fake fake = new Fake(0);
    assertThrows(StatusRuntimeException.class, () -> call(fake, mutual, trusting.build()));
    assertEquals(List.of(), fake.authorizations);
    call(fake, mutual, trusting.keyManager(client.keyManagers()).build());
    assertEquals(1, fake.authorizations.size());
  }

  @Test
  void theServiceConfigIsThatOfTheRepository() throws Exception {
    Path original = Path.of("../../src/ringback/service_config.json");
    Path ours = Path.of("src/main/resources/com/ringback/client/service_config.json");
    assertEquals(Files.readString(original), Files.readString(ours));
  }
}
