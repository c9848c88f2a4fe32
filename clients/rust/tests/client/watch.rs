use std::time::{Duration, Instant};

use ringback_client::v1::WatchCallbacksRequest;
use ringback_client::{Responses, watch};
use tokio::{join, time};
use tokio_stream::StreamExt;
use tonic::{Code, Status};

use crate::fake::{End, Fake, Script, limited};

async fn next_token(responses: &mut Responses) -> String {
    responses.next().await.unwrap().unwrap().resume_token
}

#[tokio::test]
async fn resumes_with_the_last_token_after_an_error() {
    for status in [Status::unavailable("gone"), Status::cancelled("by the server"), Status::unknown("a proxy")] {
        let server = Fake::watched([Script(&["a", "b"], End::Error(status)), Script(&["c"], End::Silence)]);
        let mut responses = watch(&server.client().await, WatchCallbacksRequest::default());

        for expected in ["a", "b", "c"] {
            assert_eq!(next_token(&mut responses).await, expected);
        }
        assert_eq!(server.resume_tokens(), ["", "b"]);
    }
}

#[tokio::test]
async fn resumes_after_an_end_with_and_without_a_response() {
    let server = Fake::watched([Script(&["a"], End::Ok), Script(&[], End::Ok), Script(&["b"], End::Silence)]);
    let mut responses = watch(&server.client().await, WatchCallbacksRequest::default());

    assert_eq!(next_token(&mut responses).await, "a");
    assert_eq!(next_token(&mut responses).await, "b");
    assert_eq!(server.resume_tokens(), ["", "a", "a"]);
}

#[tokio::test]
async fn resumes_after_silence() {
    let server = Fake::watched([Script(&["a"], End::Silence), Script(&["b"], End::Silence)]);
    let heartbeat_interval = Some(prost_types::Duration { seconds: 10, nanos: 0 });
    let request = WatchCallbacksRequest { heartbeat_interval, ..Default::default() };
    let mut responses = watch(&server.client().await, request);
    assert_eq!(next_token(&mut responses).await, "a");

    // The clock leaps over three intervals while the next response is being waited for.
    let (token, ()) = join!(next_token(&mut responses), leap(Duration::from_secs(30)));

    assert_eq!(token, "b");
    assert_eq!(server.resume_tokens(), ["", "a"]);
    server.cancelled.notified().await;
}

async fn leap(duration: Duration) {
    time::pause();
    time::advance(duration).await;
    time::resume();
}

#[tokio::test]
async fn gives_a_refusal_to_the_caller_and_ends() {
    let server = Fake::watched([Script(&["a"], End::Error(Status::out_of_range("expired")))]);
    let mut responses = watch(&server.client().await, WatchCallbacksRequest::default());
    assert_eq!(next_token(&mut responses).await, "a");

    assert_eq!(responses.next().await.unwrap().unwrap_err().code(), Code::OutOfRange);
    assert!(responses.next().await.is_none());
}

#[tokio::test]
async fn gives_credentials_that_have_ended_to_the_caller() {
    for status in [Status::unauthenticated("ended"), Status::permission_denied("revoked")] {
        let code = status.code();
        let server = Fake::watched([Script(&["a"], End::Error(status))]);
        let mut responses = watch(&server.client().await, WatchCallbacksRequest::default());
        assert_eq!(next_token(&mut responses).await, "a");

        assert_eq!(responses.next().await.unwrap().unwrap_err().code(), code);
        assert!(responses.next().await.is_none());
    }
}

#[tokio::test]
async fn goes_on_with_the_next_token_once() {
    let ended = || Status::unauthenticated("ended");
    let scripts =
        [Script(&["a"], End::Later(ended())), Script(&["b"], End::Later(ended())), Script(&[], End::Error(ended()))];
    let server = Fake::watched(scripts);
    let mut responses = watch(&server.client().await, WatchCallbacksRequest::default());
    assert_eq!(next_token(&mut responses).await, "a");

    // The clock leaps over the life of a token.
    leap(Duration::from_secs(60)).await;
    server.ending.notify_one();
    assert_eq!(next_token(&mut responses).await, "b");
    leap(Duration::from_secs(60)).await;
    server.ending.notify_one();
    assert_eq!(responses.next().await.unwrap().unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(server.resume_tokens(), ["", "a", "b"]);
}

#[tokio::test]
async fn waits_for_a_limit() {
    let limit = Duration::from_millis(200);
    let refused = End::Error(limited(Code::ResourceExhausted, limit));
    let server = Fake::watched([Script(&["a"], refused), Script(&["b"], End::Silence)]);
    let mut responses = watch(&server.client().await, WatchCallbacksRequest::default());
    assert_eq!(next_token(&mut responses).await, "a");

    let start = Instant::now();
    assert_eq!(next_token(&mut responses).await, "b");
    assert!(start.elapsed() >= limit);
}

#[tokio::test]
async fn dropping_the_stream_cancels_the_call() {
    let server = Fake::watched([Script(&["a"], End::Silence)]);
    let mut responses = watch(&server.client().await, WatchCallbacksRequest::default());
    assert_eq!(next_token(&mut responses).await, "a");

    drop(responses);

    server.cancelled.notified().await;
    assert_eq!(server.resume_tokens(), [""]);
}
