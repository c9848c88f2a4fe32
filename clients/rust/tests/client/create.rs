use std::time::Duration;

use ringback_client::v1::{CallbackRequest, CreateCallbackRequest};
use ringback_client::{CREATE_DEADLINE, create};
use tokio::{join, time};
use tonic::{Code, Status};

use crate::fake::{Create, Fake, limited};

#[tokio::test]
async fn stamps_an_id_and_repeats_it() {
    let cancelled = || Create::Fails(Status::cancelled("closing"));
    let unavailable = || Create::Fails(Status::unavailable("gone"));
    let server = Fake::created([cancelled(), unavailable(), cancelled(), Create::Succeeds]);

    let response = create(&server.client().await, CreateCallbackRequest::default(), CREATE_DEADLINE).await.unwrap();

    assert!(response.created);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert_eq!(requests[0].request_id.len(), 36);
    assert!(requests.iter().all(|it| it == &requests[0]));
}

#[tokio::test]
async fn leaves_the_callers_id_alone() {
    let server = Fake::created([Create::Succeeds, Create::Succeeds]);
    let client = server.client().await;
    let task = CallbackRequest { external_task_id: "4711".into(), ..Default::default() };
    let with_task_id = CreateCallbackRequest { callback_request: Some(task), ..Default::default() };
    let with_request_id = CreateCallbackRequest { request_id: "mine".into(), ..Default::default() };

    create(&client, with_task_id.clone(), CREATE_DEADLINE).await.unwrap();
    create(&client, with_request_id.clone(), CREATE_DEADLINE).await.unwrap();

    assert_eq!(server.requests(), [with_task_id, with_request_id]);
}

#[tokio::test]
async fn repeats_a_try_that_hangs() {
    let server = Fake::created([Create::Hangs, Create::Succeeds]);
    let client = server.client().await;

    let (response, ()) = join!(create(&client, CreateCallbackRequest::default(), CREATE_DEADLINE), async {
        server.arrived.notified().await;
        time::pause();
        time::advance(Duration::from_secs(10)).await;
        time::resume();
    });

    assert!(response.unwrap().created);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn gives_the_last_error_when_its_time_is_up() {
    let server = Fake::created([Create::Fails(Status::cancelled("first")), Create::Hangs]);

    let deadline = Duration::from_millis(300);
    let status = create(&server.client().await, CreateCallbackRequest::default(), deadline).await.unwrap_err();

    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn does_not_repeat_a_refusal() {
    for refusal in [
        Status::already_exists("differs"),
        Status::unauthenticated("no token"),
        limited(Code::PermissionDenied, Duration::ZERO),
        Status::resource_exhausted("not of a limit: a message that is too large"),
    ] {
        let code = refusal.code();
        let server = Fake::created([Create::Fails(refusal)]);

        let request = CreateCallbackRequest::default();
        let status = create(&server.client().await, request, CREATE_DEADLINE).await.unwrap_err();

        assert_eq!(status.code(), code);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn repeats_what_a_limit_refuses_when_it_allows_that() {
    let limit = || Create::Fails(limited(Code::ResourceExhausted, Duration::from_millis(1)));
    let server = Fake::created([limit(), limit(), Create::Succeeds]);

    create(&server.client().await, CreateCallbackRequest::default(), CREATE_DEADLINE).await.unwrap();

    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0], requests[2]);
}

#[tokio::test]
async fn does_not_wait_for_a_limit_that_outlasts_it() {
    let hour = limited(Code::ResourceExhausted, Duration::from_secs(3600));
    let server = Fake::created([Create::Fails(hour)]);

    let request = CreateCallbackRequest::default();
    let status = create(&server.client().await, request, CREATE_DEADLINE).await.unwrap_err();

    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(server.requests().len(), 1);
}
