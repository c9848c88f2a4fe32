package com.ringback.client;

import static io.grpc.Metadata.ASCII_STRING_MARSHALLER;

import io.grpc.CallCredentials;
import io.grpc.Metadata;
import io.grpc.SecurityLevel;
import io.grpc.Status;
import java.util.Objects;
import java.util.concurrent.Executor;

/**
 * Sends {@code authorization: Bearer TOKEN} with every call, and never over plain text: there,
 * calls fail with UNAUTHENTICATED before anything is sent.
 *
 * <p>For all calls of a channel, compose it with the channel's credentials ({@link
 * io.grpc.CompositeChannelCredentials}); for those of one stub, use {@code withCallCredentials}.
 */
public final class BearerToken extends CallCredentials {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", ASCII_STRING_MARSHALLER);

  private final String token;

  /**
   * Makes credentials of a token.
   *
   * @param token the token alone, without {@code Bearer}
   */
  public BearerToken(String token) {
    this.token = Objects.requireNonNull(token);
  }

  @Override
  public void applyRequestMetadata(
      RequestInfo requestInfo, Executor appExecutor, MetadataApplier applier) {
    if (requestInfo.getSecurityLevel() != SecurityLevel.PRIVACY_AND_INTEGRITY) {
      applier.fail(Status.UNAUTHENTICATED.withDescription("a token is only sent over TLS"));
      return;
    }
    Metadata headers = new Metadata();
    headers.put(AUTHORIZATION, "Bearer " + token);
    applier.apply(headers);
  }
}
