package com.ringback.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ConnectivityState;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.MethodDescriptor;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.util.Map;

/** Opens channels that are set up as Ringback recommends. */
public final class RingbackChannel {
  private RingbackChannel() {}

  /**
   * Opens a channel over TLS that trusts the authorities Java trusts.
   *
   * @param target where the server is, for example {@code ringback.example:443}
   * @return the channel, which the caller shuts down
   */
  public static ManagedChannel open(String target) {
    return open(target, TlsChannelCredentials.create());
  }

  /**
   * Opens a channel with credentials of one's own: {@link TlsChannelCredentials} for other
   * authorities, the same composed with a {@link BearerToken}, or {@link
   * io.grpc.InsecureChannelCredentials} for plain text.
   *
   * <p>Calls have the deadlines and the retries of {@link #serviceConfig}. A dead connection is
   * noticed after 30 seconds, and every call tries to reach a server that could not be reached. To
   * this machine and to private addresses the channel goes past the proxy that the JVM is set to.
   *
   * @param target where the server is, for example {@code ringback.example:443}
   * @param credentials how to secure the connection
   * @return the channel, which the caller shuts down
   */
  public static ManagedChannel open(String target, ChannelCredentials credentials) {
    Reconnect reconnect = new Reconnect();
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilder(target, credentials)
            .intercept(reconnect)
            .defaultServiceConfig(serviceConfig())
            // Also keeps NATs and proxies from dropping a connection that is only quiet. The server
            // permits a ping every ten seconds.
            .keepAliveTime(20, SECONDS)
            .keepAliveTimeout(10, SECONDS)
            .keepAliveWithoutCalls(true);
    if (Target.isLocal(target)) {
      builder.proxyDetector(address -> null);
    }
    reconnect.channel = builder.build();
    return reconnect.channel;
  }

  /**
   * Returns the service config for clients of Ringback: round robin, deadlines, retries of
   * UNAVAILABLE. {@link #open} uses it; it is here for those who build their channels themselves.
   *
   * <p>A retry repeats what may have been done already: give every create an {@code
   * external_task_id} or a {@code request_id}, or leave that to {@link Callbacks#create}.
   *
   * @return what {@link io.grpc.ManagedChannelBuilder#defaultServiceConfig} takes
   */
  public static Map<String, ?> serviceConfig() {
    try (Reader json =
        new InputStreamReader(
            RingbackChannel.class.getResourceAsStream("service_config.json"), UTF_8)) {
      return new Gson().fromJson(json, new TypeToken<Map<String, ?>>() {});
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Makes a call that finds the server unreachable a reason to connect at once. By itself, gRPC for
   * Java waits up to two minutes between attempts, and has no setting for it; the retries of the
   * service config then find the new connection.
   */
  private static final class Reconnect implements ClientInterceptor {
    private volatile ManagedChannel channel;

    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(
        MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
      if (channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
        channel.resetConnectBackoff();
      }
      return next.newCall(method, options);
    }
  }
}
