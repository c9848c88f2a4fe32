//! Why a call failed, in a form that programs can rely on.

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{StatusExt, pb};

use crate::v1::{Error, ErrorReason};

const DOMAIN: &str = "ringback.v1";

/// Why Ringback refused a call. [`ErrorReason::Unspecified`] when the status does not come from Ringback itself
/// (no connection, a deadline, a proxy), or its reason is newer than this package.
#[must_use]
pub fn reason_of(status: &Status) -> ErrorReason {
    status
        .get_details_error_info()
        .filter(|info| info.domain == DOMAIN)
        .and_then(|info| ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)))
        .unwrap_or_default()
}

/// One fault of one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, for example `callback_request.due_date`.
    pub field: String,
    /// What is wrong with it. For people.
    pub description: String,
}

/// What is wrong with the request, field by field. Empty unless the reason is [`ErrorReason::InvalidField`].
#[must_use]
pub fn violations_of(status: &Status) -> Vec<Violation> {
    let violations = status.get_details_bad_request().into_iter().flat_map(|it| it.field_violations);
    violations.map(|it| Violation { field: it.field, description: it.description }).collect()
}

/// The error of a batch item, as the status with which the same create would have failed alone.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let Error { code, message, details } = error;
        let status = pb::Status { code, message: message.clone(), details };
        Self::with_details(Code::from_i32(code), message, status.encode_to_vec().into())
    }
}
