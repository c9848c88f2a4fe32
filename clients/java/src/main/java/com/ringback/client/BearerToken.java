package com.ringback.client;

import static io.grpc.Metadata.ASCII_STRING_MARSHALLER;

import io.grpc.CallCredentials;
import io.grpc.Metadata;
import io.grpc.SecurityLevel;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Executor;

/**
 * Sends {@code authorization: Bearer TOKEN} with every call. Over plain text only {@linkplain
 * #alsoInPlainText where that is said}: otherwise calls fail there with UNAUTHENTICATED before
 * anything is sent, and so do those without a usable token.
 *
 * <p>For all calls of a channel, compose it with the channel's credentials ({@link
 * io.grpc.CompositeChannelCredentials}); for those of one stub, use {@code withCallCredentials}.
 */
public final class BearerToken extends CallCredentials {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", ASCII_STRING_MARSHALLER);

  private final Source source;
  private final boolean onlyOverTls;

  /** Where the token comes from. */
  private interface Source {
    String read() throws IOException;
  }

  private BearerToken(Source source, boolean onlyOverTls) {
    this.source = source;
    this.onlyOverTls = onlyOverTls;
  }

  /**
   * Makes credentials of a token.
   *
   * @param token the token alone, without {@code Bearer}
   */
  public BearerToken(String token) {
    this(() -> token, true);
    Objects.requireNonNull(token);
  }

  /**
   * Makes credentials of the token in a file. The file is read for each try of a call, so a token
   * that is renewed is used at once: replace the file by renaming another one to it.
   *
   * @param file has the token alone; blanks around it are left out
   * @return the credentials
   */
  public static BearerToken fromFile(Path file) {
    Objects.requireNonNull(file);
    return new BearerToken(() -> Files.readString(file).strip(), true);
  }

  /**
   * Makes credentials of the same token that are sent over any connection: where only those can
   * read it who may have the token, on the loopback interface or within a service mesh.
   *
   * @return the credentials
   */
  public BearerToken alsoInPlainText() {
    return new BearerToken(source, false);
  }

  @Override
  public void applyRequestMetadata(
      RequestInfo requestInfo, Executor appExecutor, MetadataApplier applier) {
    if (onlyOverTls && requestInfo.getSecurityLevel() != SecurityLevel.PRIVACY_AND_INTEGRITY) {
      applier.fail(Status.UNAUTHENTICATED.withDescription("a token is only sent over TLS"));
      return;
    }
    // Files are not read on a thread of the network.
    appExecutor.execute(() -> apply(applier));
  }

  private void apply(MetadataApplier applier) {
    String token;
    try {
      token = source.read();
    } catch (IOException error) {
      applier.fail(
          Status.UNAUTHENTICATED
              .withDescription("the token file cannot be read: " + error)
              .withCause(error));
      return;
    }
    // The text does not repeat the token.
    if (token.isEmpty()) {
      applier.fail(Status.UNAUTHENTICATED.withDescription("the token is empty"));
    } else if (!token.chars().allMatch(character -> ' ' < character && character <= '~')) {
      applier.fail(
          Status.UNAUTHENTICATED.withDescription(
              "the token has characters that no header can carry"));
    } else {
      Metadata headers = new Metadata();
      headers.put(AUTHORIZATION, "Bearer " + token);
      applier.apply(headers);
    }
  }
}
