//! What the channel does for every unary call. The fake only knows create, so that stands for all.

use std::time::Duration;

use ringback_client::v1::CreateCallbackRequest;
use ringback_client::v1::callbacks_service_client::CallbacksServiceClient;
use ringback_client::{Channel, ConnectError};
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};

use crate::fake::{Create, Fake};

#[tokio::test]
async fn repeats_what_ends_unavailable_or_cancelled_by_the_other_side() {
    let unavailable = Create::Fails(Status::unavailable("gone"));
    let cancelled = Create::Fails(Status::cancelled("by a proxy"));
    let server = Fake::created([unavailable, cancelled, Create::Succeeds]);

    let response = server.client().await.create_callback(CreateCallbackRequest::default()).await.unwrap();

    assert!(response.into_inner().created);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn ends_at_the_callers_deadline() {
    let server = Fake::created([Create::Hangs]);
    let mut request = Request::new(CreateCallbackRequest::default());
    request.set_timeout(Duration::from_millis(100));

    let status = server.client().await.create_callback(request).await.unwrap_err();

    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_lost_connection_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Hangs up on everybody.
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let mut client = CallbacksServiceClient::new(Channel::plain_text(address.to_string()).build().unwrap());

    let status = client.create_callback(CreateCallbackRequest::default()).await.unwrap_err();

    assert_eq!(status.code(), Code::Unavailable, "{status}");
}

#[test]
fn a_target_is_host_and_port() {
    let refused = Channel::plain_text("http://localhost:50051").build();

    assert!(matches!(refused, Err(ConnectError::Target(_))));
}
