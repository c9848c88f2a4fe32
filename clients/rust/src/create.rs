//! Creating a callback exactly once.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::Channel;
use crate::backoff::Backoff;
use crate::error::limit_of;
use crate::v1::callbacks_service_client::CallbacksServiceClient;
use crate::v1::{CreateCallbackRequest, CreateCallbackResponse};

/// How long [`create`] usually goes on: long enough for a server to restart.
pub const CREATE_DEADLINE: Duration = Duration::from_secs(30);

const TRY_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Creates a callback, and repeats that until it is known what became of it or `deadline` has passed. However often it
/// is repeated, there will be one callback: a request with neither `request_id` nor `external_task_id` gets a random
/// `request_id`. What a limit refuses (`RateLimited`, `QuotaExceeded`) is repeated after the time that the server names.
///
/// Dropping the future stops it; the callback may have been created by then.
///
/// # Errors
///
/// What the server refuses otherwise, see [`reason_of`](crate::reason_of): at once, also `CredentialsInvalid` and
/// `NotAllowed`. When the next try would come after `deadline`, the error of the last one: `Unavailable`, `Cancelled`,
/// `ResourceExhausted` or `DeadlineExceeded`. The callback may have been created then, too.
pub async fn create(
    client: &CallbacksServiceClient<Channel>,
    request: CreateCallbackRequest,
    deadline: Duration,
) -> Result<CreateCallbackResponse, Status> {
    let start = Instant::now();
    let mut client = client.clone();
    let request = with_id(request);
    let mut backoff = Backoff::up_to(LONGEST_DELAY);
    loop {
        let mut attempt = Request::new(request.clone());
        attempt.set_timeout(TRY_TIMEOUT.min(deadline.saturating_sub(start.elapsed())));
        let status = match client.create_callback(attempt).await {
            Ok(response) => return Ok(response.into_inner()),
            Err(status) => status,
        };
        let limit = limit_of(&status);
        let delay = backoff.delay() + limit.unwrap_or_default();
        if (limit.is_none() && !is_unknown_fate(status.code())) || start.elapsed() + delay >= deadline {
            return Err(status);
        }
        sleep(delay).await;
    }
}

/// Codes after which the callback may exist or not. Who wants to cancel drops the future, so `Cancelled` comes from the
/// other side: a server that closes.
fn is_unknown_fate(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded)
}

fn with_id(mut request: CreateCallbackRequest) -> CreateCallbackRequest {
    let has_task_id = request.callback_request.as_ref().is_some_and(|it| !it.external_task_id.is_empty());
    if request.request_id.is_empty() && !has_task_id {
        request.request_id = Uuid::new_v4().to_string();
    }
    request
}
