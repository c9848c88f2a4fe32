package com.ringback.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.ringback.client.BearerToken;
import com.ringback.client.CallbackWatch;
import com.ringback.client.Callbacks;
import com.ringback.client.RingbackChannel;
import com.ringback.client.RingbackErrors;
import com.ringback.client.RingbackErrors.Violation;
import com.ringback.v1.CallbacksServiceGrpc;
import com.ringback.v1.CallbacksServiceGrpc.CallbacksServiceBlockingStub;
import com.ringback.v1.CreateCallbackRequest;
import com.ringback.v1.DialerServiceGrpc;
import com.ringback.v1.DirectoryServiceGrpc;
import com.ringback.v1.DirectoryServiceGrpc.DirectoryServiceBlockingStub;
import com.ringback.v1.Error;
import com.ringback.v1.ErrorReason;
import com.ringback.v1.WatchCallbacksRequest;
import com.ringback.v1.WatchQueuesRequest;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.CompositeChannelCredentials;
import io.grpc.Context;
import io.grpc.InsecureChannelCredentials;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.ClientCalls;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Does what it reads, one JSON object on each line. See {@code tests/conformance/README.md}. */
final class Driver {
  private static final Map<String, MethodDescriptor<?, ?>> METHODS =
      Stream.of(
              CallbacksServiceGrpc.getServiceDescriptor(),
              DialerServiceGrpc.getServiceDescriptor(),
              DirectoryServiceGrpc.getServiceDescriptor())
          .flatMap(service -> service.getMethods().stream())
          .collect(Collectors.toMap(MethodDescriptor::getFullMethodName, Function.identity()));

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final PrintStream answers =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);
  private final Map<Integer, Following> followings = new HashMap<>();
  private final Channel channel;
  private final CallbacksServiceBlockingStub stub;
  private final DirectoryServiceBlockingStub directory;

  private Driver(Channel channel) {
    this.channel = channel;
    this.stub = CallbacksServiceGrpc.newBlockingStub(channel);
    this.directory = DirectoryServiceGrpc.newBlockingStub(channel);
  }

  public static void main(String[] args) throws IOException {
    Driver driver = new Driver(RingbackChannel.open(args[0], credentialsOf(args)));
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    for (String line; (line = commands.readLine()) != null; ) {
      driver.start(JsonParser.parseString(line).getAsJsonObject());
    }
    System.exit(0);
  }

  /** Of HOST:PORT [--ca FILE] [--cert FILE --key FILE] [--token-file FILE]. */
  private static ChannelCredentials credentialsOf(String[] args) throws IOException {
    Map<String, File> files = new HashMap<>();
    for (int i = 1; i < args.length; i += 2) {
      files.put(args[i], new File(args[i + 1]));
    }
    ChannelCredentials connection = InsecureChannelCredentials.create();
    if (files.containsKey("--ca")) {
      TlsChannelCredentials.Builder tls =
          TlsChannelCredentials.newBuilder().trustManager(files.get("--ca"));
      if (files.containsKey("--cert")) {
        tls.keyManager(files.get("--cert"), files.get("--key"));
      }
      connection = tls.build();
    }
    if (!files.containsKey("--token-file")) {
      return connection;
    }
    BearerToken token = BearerToken.fromFile(files.get("--token-file").toPath());
    return CompositeChannelCredentials.create(
        connection, files.containsKey("--ca") ? token : token.alsoInPlainText());
  }

  private void start(JsonObject command) throws InvalidProtocolBufferException {
    int id = command.get("id").getAsInt();
    if (command.has("call")) {
      MethodDescriptor<?, ?> method = METHODS.get(command.get("call").getAsString());
      byte[] request = bytes(command, "request");
      CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(timeoutMs(command), MILLISECONDS);
      threads.execute(() -> finish(id, () -> call(method, options, request)));
    } else if (command.has("create")) {
      CreateCallbackRequest request = CreateCallbackRequest.parseFrom(bytes(command, "create"));
      CallbacksServiceBlockingStub timed = stub.withDeadlineAfter(timeoutMs(command), MILLISECONDS);
      threads.execute(() -> finish(id, () -> Callbacks.create(timed, request)));
    } else if (command.has("stream")) {
      WatchCallbacksRequest request = WatchCallbacksRequest.parseFrom(bytes(command, "stream"));
      stream(id, () -> stub.watchCallbacks(request));
    } else if (command.has("queues")) {
      WatchQueuesRequest request = WatchQueuesRequest.parseFrom(bytes(command, "queues"));
      stream(id, () -> directory.watchQueues(request));
    } else if (command.has("watch")) {
      WatchCallbacksRequest request = WatchCallbacksRequest.parseFrom(bytes(command, "watch"));
      CallbackWatch watch = Callbacks.watch(stub, request);
      Following following = new Following(id, watch, watch::close);
      followings.put(id, following);
      threads.execute(following);
    } else if (command.has("error")) {
      answer(failed(id, Error.parseFrom(bytes(command, "error"))));
    } else {
      Following following = followings.get(command.get("stop").getAsInt());
      threads.execute(() -> stop(id, following));
    }
  }

  private <A extends MessageLite> void stream(int id, Iterable<A> responses) {
    Context.CancellableContext context = Context.current().withCancellation();
    Following following = new Following(id, responses, () -> context.cancel(null));
    followings.put(id, following);
    threads.execute(context.wrap(following));
  }

  private static byte[] bytes(JsonObject command, String name) {
    return Base64.getDecoder().decode(command.get(name).getAsString());
  }

  private static long timeoutMs(JsonObject command) {
    return command.get("timeout_ms").getAsLong();
  }

  /** What the generated stubs do, for any method. */
  private <Q, A> MessageLite call(
      MethodDescriptor<Q, A> method, CallOptions options, byte[] request) {
    Q decoded = method.parseRequest(new ByteArrayInputStream(request));
    return (MessageLite) ClientCalls.blockingUnaryCall(channel, method, options, decoded);
  }

  private void finish(int id, Supplier<MessageLite> action) {
    try {
      JsonObject result = ok(id);
      addResponse(result, action.get());
      answer(result);
    } catch (StatusRuntimeException error) {
      answer(failed(id, error));
    }
  }

  /** A stream, or a watch, and the thread that reads it. */
  private final class Following implements Runnable {
    private final int id;
    private final Iterable<? extends MessageLite> responses;
    private final Runnable cancel;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean stopped;

    Following(int id, Iterable<? extends MessageLite> responses, Runnable cancel) {
      this.id = id;
      this.responses = responses;
      this.cancel = cancel;
    }

    @Override
    public void run() {
      JsonObject result = ok(id);
      try {
        for (MessageLite response : responses) {
          JsonObject answer = answerTo(id);
          addResponse(answer, response);
          answer(answer);
        }
      } catch (StatusRuntimeException error) {
        result = failed(id, error);
      }
      if (!stopped) {
        answer(result);
      }
      ended.countDown();
    }
  }

  private void stop(int id, Following following) {
    following.stopped = true;
    following.cancel.run();
    try {
      following.ended.await();
    } catch (InterruptedException interrupt) {
      throw new IllegalStateException(interrupt);
    }
    answer(ok(id));
  }

  private static JsonObject answerTo(int id) {
    JsonObject answer = new JsonObject();
    answer.addProperty("id", id);
    return answer;
  }

  private static JsonObject ok(int id) {
    JsonObject answer = answerTo(id);
    answer.addProperty("code", "OK");
    return answer;
  }

  private static JsonObject failed(int id, StatusRuntimeException error) {
    return failed(
        id, error.getStatus(), RingbackErrors.reasonOf(error), RingbackErrors.violationsOf(error));
  }

  private static JsonObject failed(int id, Error error) {
    return failed(
        id,
        Status.fromCodeValue(error.getCode()).withDescription(error.getMessage()),
        RingbackErrors.reasonOf(error),
        RingbackErrors.violationsOf(error));
  }

  private static JsonObject failed(
      int id, Status status, ErrorReason reason, List<Violation> violations) {
    JsonArray pairs = new JsonArray();
    for (Violation violation : violations) {
      JsonArray pair = new JsonArray();
      pair.add(violation.field());
      pair.add(violation.description());
      pairs.add(pair);
    }
    JsonObject answer = answerTo(id);
    answer.addProperty("code", status.getCode().name());
    answer.addProperty(
        "reason",
        reason == ErrorReason.ERROR_REASON_UNSPECIFIED
            ? ""
            : reason.name().substring("ERROR_REASON_".length()));
    answer.addProperty("message", Objects.requireNonNullElse(status.getDescription(), ""));
    answer.add("violations", pairs);
    return answer;
  }

  private static void addResponse(JsonObject answer, MessageLite response) {
    answer.addProperty("response", Base64.getEncoder().encodeToString(response.toByteArray()));
  }

  private synchronized void answer(JsonObject answer) {
    answers.println(answer);
  }
}
