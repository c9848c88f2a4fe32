package com.ringback.client;

import com.google.protobuf.Any;
import com.google.rpc.RetryInfo;
import com.ringback.v1.CallbacksServiceGrpc;
import com.ringback.v1.CallbacksServiceGrpc.CallbacksServiceBlockingStub;
import io.grpc.BindableService;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.time.Duration;

/** A server in this process, and a channel to it that retries nothing by itself. */
final class FakeServer implements AutoCloseable {
  private final Server server;
  final ManagedChannel channel;
  final CallbacksServiceBlockingStub stub;

  FakeServer(BindableService service) throws IOException {
    String name = InProcessServerBuilder.generateName();
    server = InProcessServerBuilder.forName(name).addService(service).build().start();
    channel = InProcessChannelBuilder.forName(name).build();
    stub = CallbacksServiceGrpc.newBlockingStub(channel);
  }

  /** What a server throws whose limit lasts so long. */
  static StatusRuntimeException limit(Status.Code code, Duration delay) {
    RetryInfo.Builder info = RetryInfo.newBuilder();
    info.getRetryDelayBuilder().setSeconds(delay.getSeconds()).setNanos(delay.getNano());
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder()
            .setCode(code.value())
            .setMessage("on purpose")
            .addDetails(Any.pack(info.build()))
            .build());
  }

  @Override
  public void close() {
    channel.shutdownNow();
    server.shutdownNow();
  }
}
