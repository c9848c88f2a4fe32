package com.ringback.example;

import com.ringback.client.CallbackWatch;
import com.ringback.client.Callbacks;
import com.ringback.client.RingbackChannel;
import com.ringback.client.RingbackErrors;
import com.ringback.v1.CallbackEvent;
import com.ringback.v1.CallbackFilter;
import com.ringback.v1.CallbackKey;
import com.ringback.v1.CallbackRequest;
import com.ringback.v1.CallbacksServiceGrpc;
import com.ringback.v1.CallbacksServiceGrpc.CallbacksServiceBlockingStub;
import com.ringback.v1.CreateCallbackRequest;
import com.ringback.v1.CreateCallbackResponse;
import com.ringback.v1.Priority;
import com.ringback.v1.SnapshotMode;
import com.ringback.v1.WatchCallbacksRequest;
import com.ringback.v1.WatchCallbacksResponse;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;

final class Quickstart {
  public static void main(String[] args) {
    ManagedChannel channel =
        RingbackChannel.open("localhost:50051", InsecureChannelCredentials.create());
    CallbacksServiceBlockingStub stub = CallbacksServiceGrpc.newBlockingStub(channel);
    try {
      printUntilEnd(stub, create(stub));
    } catch (StatusRuntimeException error) {
      System.out.println("refused: " + RingbackErrors.reasonOf(error));
    } finally {
      channel.shutdown();
    }
  }

  /** Goes on trying while the server is away. */
  private static String create(CallbacksServiceBlockingStub stub) {
    CallbackRequest.Builder wanted =
        CallbackRequest.newBuilder()
            .setTarget("tel:+41785556677")
            .setServiceSip("sip:support@cc.example")
            .setPriority(Priority.PRIORITY_HIGH)
            .setSecondsBetweenRetries(60)
            .setCallerId("crm")
            .setExternalTaskId("4713"); // Sending this twice makes one callback.
    CreateCallbackResponse created =
        Callbacks.create(
            stub, CreateCallbackRequest.newBuilder().setCallbackRequest(wanted).build());
    return created.getCallback().getCallbackId();
  }

  /** Reconnects and resumes by itself: nothing is missed, whatever happens to the server. */
  private static void printUntilEnd(CallbacksServiceBlockingStub stub, String callbackId) {
    WatchCallbacksRequest request =
        WatchCallbacksRequest.newBuilder()
            .setFilter(
                CallbackFilter.newBuilder()
                    .addKeys(CallbackKey.newBuilder().setCallbackId(callbackId)))
            .setSnapshotMode(SnapshotMode.SNAPSHOT_MODE_WHEN_NEEDED)
            .build();
    try (CallbackWatch watch = Callbacks.watch(stub, request)) {
      for (WatchCallbacksResponse response : watch) {
        for (CallbackEvent event : response.getEventsList()) {
          System.out.println(event.getCallback().getState());
          if (event.getCallback().hasEndTime()) {
            return;
          }
        }
      }
    }
  }
}
