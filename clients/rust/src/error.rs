//! Why a call failed, in a form that programs can rely on.

use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{StatusExt, pb};

use crate::v1::{Error, ErrorReason};

const DOMAIN: &str = "ringback.v1";

/// The longest wait that a server may impose: after it, another refusal costs little.
pub(crate) const LONGEST_LIMIT: Duration = Duration::from_secs(60);

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

/// How long a limit of the server lasts. None for every other error: `ResourceExhausted` is also the code of a message
/// that is too large.
pub(crate) fn limit_of(status: &Status) -> Option<Duration> {
    if status.code() != Code::ResourceExhausted {
        return None;
    }
    let info = status.get_details_retry_info()?;
    Some(info.retry_delay.unwrap_or_default().min(LONGEST_LIMIT))
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

/// The error of an item of a batch, of creates or of reports, as the status with which it would have failed alone.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let Error { code, message, details } = error;
        let status = pb::Status { code, message: message.clone(), details };
        Self::with_details(Code::from_i32(code), message, status.encode_to_vec().into())
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::{Code, Duration, LONGEST_LIMIT, Status, StatusExt, limit_of};

    #[test]
    fn a_limit_is_what_the_server_says_and_never_long() {
        let limited = |code, seconds| {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(seconds)));
            limit_of(&Status::with_error_details(code, "limit", details))
        };
        assert_eq!(limited(Code::ResourceExhausted, 7), Some(Duration::from_secs(7)));
        assert_eq!(limited(Code::ResourceExhausted, 1_000_000), Some(LONGEST_LIMIT));
        assert_eq!(limited(Code::Unavailable, 7), None);
        assert_eq!(limit_of(&Status::resource_exhausted("too large")), None);
    }
}
