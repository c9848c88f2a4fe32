package com.ringback.client;

import com.ringback.v1.CallbacksServiceGrpc;
import com.ringback.v1.CallbacksServiceGrpc.CallbacksServiceBlockingStub;
import io.grpc.BindableService;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import java.io.IOException;

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

  @Override
  public void close() {
    channel.shutdownNow();
    server.shutdownNow();
  }
}
