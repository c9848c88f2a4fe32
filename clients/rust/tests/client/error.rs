use std::collections::HashMap;

use prost::Message;
use ringback_client::v1::{CreateCallbackRequest, Error, ErrorReason};
use ringback_client::{Violation, reason_of, violations_of};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt, pb};

use crate::fake::{Create, Fake};

fn refusal(reason: &str, domain: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, domain, HashMap::new());
    Status::with_error_details(Code::NotFound, "refused", details)
}

#[tokio::test]
async fn tells_the_reason_and_every_violation() {
    let mut details = ErrorDetails::with_error_info("INVALID_FIELD", "ringback.v1", HashMap::new());
    details.add_bad_request_violation("callback_request.target", "is required");
    details.add_bad_request_violation("callback_request.priority", "is required");
    let refusal = Status::with_error_details(Code::InvalidArgument, "refused", details);
    let server = Fake::created([Create::Fails(refusal)]);

    let status = server.client().await.create_callback(CreateCallbackRequest::default()).await.unwrap_err();

    let violation = |field: &str| Violation { field: field.into(), description: "is required".into() };
    assert_eq!(reason_of(&status), ErrorReason::InvalidField);
    assert_eq!(violations_of(&status), [violation("callback_request.target"), violation("callback_request.priority")]);
}

#[test]
fn the_error_of_a_batch_item_is_read_as_that_of_a_call() {
    let mut details = ErrorDetails::with_error_info("INVALID_FIELD", "ringback.v1", HashMap::new());
    details.add_bad_request_violation("callback_request.target", "is required");
    let refusal = Status::with_error_details(Code::InvalidArgument, "refused", details);
    let pb::Status { code, message, details } = pb::Status::decode(refusal.details()).unwrap();

    let status = Status::from(Error { code, message, details });

    let violation = Violation { field: "callback_request.target".into(), description: "is required".into() };
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "refused"));
    assert_eq!(reason_of(&status), ErrorReason::InvalidField);
    assert_eq!(violations_of(&status), [violation]);
}

#[test]
fn what_is_not_known_has_no_reason() {
    assert_eq!(reason_of(&refusal("CALLBACK_NOT_FOUND", "ringback.v1")), ErrorReason::CallbackNotFound);
    assert_eq!(reason_of(&refusal("CALLBACK_NOT_FOUND", "example.com")), ErrorReason::Unspecified);
    assert_eq!(reason_of(&refusal("NEWER_THAN_THIS", "ringback.v1")), ErrorReason::Unspecified);
    assert_eq!(reason_of(&Status::unavailable("no connection")), ErrorReason::Unspecified);
    assert!(violations_of(&Status::unavailable("no connection")).is_empty());
}
