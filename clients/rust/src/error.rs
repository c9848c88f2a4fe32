//! Why a call failed, in a form that programs can rely on.

use tonic::Status;
use tonic_types::StatusExt;

use crate::v1::{ErrorReason, FieldViolation};

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

/// What is wrong with the request, field by field. Empty unless the reason is [`ErrorReason::InvalidField`].
#[must_use]
pub fn violations_of(status: &Status) -> Vec<FieldViolation> {
    let violations = status.get_details_bad_request().into_iter().flat_map(|it| it.field_violations);
    violations.map(|it| FieldViolation { field: it.field, description: it.description }).collect()
}
