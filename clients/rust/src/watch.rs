//! Watching callbacks without a gap.

use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, try_unfold};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status, Streaming};
use tracing::{debug, warn};

use crate::Channel;
use crate::backoff::Backoff;
use crate::error::limit_of;
use crate::v1::callbacks_service_client::CallbacksServiceClient;
use crate::v1::{WatchCallbacksRequest, WatchCallbacksResponse};

// What the server makes of `heartbeat_interval`, as callbacks_service.proto says.
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(15);
const MIN_HEARTBEAT: Duration = Duration::from_secs(1);
const MAX_HEARTBEAT: Duration = Duration::from_secs(60);
// Two intervals make a silent connection suspect; the third is for slow networks and busy machines.
const SILENT_INTERVALS: u32 = 3;

const LONGEST_DELAY: Duration = Duration::from_secs(5);
// A stream that lived as long began with valid credentials. When they end, a token file may have the next ones.
const RENEWABLE_AFTER: Duration = Duration::from_secs(60);

/// What [`watch`] yields: responses without end, or one final error.
pub type Responses = BoxStream<'static, Result<WatchCallbacksResponse, Status>>;

/// Watches callbacks for as long as the stream is polled, over broken connections and restarts of the server.
///
/// Asking for the next response says that the last one has been dealt with: from then on a new connection continues
/// behind it. So nothing is missed; the last events may come twice, and the larger `revision` wins. A connection that
/// has been silent for three heartbeat intervals counts as broken.
///
/// The server ends a stream with the credentials that opened it. After a minute or more a new one is tried, once, since
/// a token file may have the next token.
///
/// Dropping the stream cancels the call.
///
/// # Errors
///
/// The stream ends with an error when the server refuses the watch for good: with `InvalidArgument`, `NotFound`,
/// `OutOfRange`, `PermissionDenied`, `Unauthenticated` or `Unimplemented`. It never ends otherwise.
#[must_use]
pub fn watch(client: &CallbacksServiceClient<Channel>, request: WatchCallbacksRequest) -> Responses {
    let watcher = Watcher {
        client: client.clone(),
        silence: heartbeat_of(&request) * SILENT_INTERVALS,
        request,
        taken_token: None,
        responses: None,
        answered: None,
        backoff: Backoff::up_to(LONGEST_DELAY),
    };
    try_unfold(watcher, |mut watcher| async {
        let response = watcher.next().await?;
        Ok(Some((response, watcher)))
    })
    .boxed()
}

struct Watcher {
    client: CallbacksServiceClient<Channel>,
    request: WatchCallbacksRequest,
    silence: Duration,
    /// Of the response that the caller has, and may still be working on.
    taken_token: Option<String>,
    responses: Option<Streaming<WatchCallbacksResponse>>,
    /// When the first response came out of `responses`.
    answered: Option<Instant>,
    backoff: Backoff,
}

impl Watcher {
    /// The next response, over as many streams as it takes.
    async fn next(&mut self) -> Result<WatchCallbacksResponse, Status> {
        if let Some(token) = self.taken_token.take() {
            self.request.resume_token = token;
        }
        loop {
            let mut limit = Duration::ZERO;
            let fault = match timeout(self.silence, self.receive()).await {
                Ok(Ok(Some(response))) => {
                    self.taken_token = Some(response.resume_token.clone());
                    self.answered.get_or_insert_with(Instant::now);
                    self.backoff.reset();
                    return Ok(response);
                }
                Ok(Ok(None)) if self.answered.is_some() => None,
                Ok(Ok(None)) => Some("the stream ended before its first response".to_owned()),
                Ok(Err(status)) if is_final(status.code()) && !self.is_renewable(status.code()) => return Err(status),
                Ok(Err(status)) => {
                    limit = limit_of(&status).unwrap_or_default();
                    Some(format!("{:?}: {}", status.code(), status.message()))
                }
                Err(_) => Some(format!("nothing heard for {:?}", self.silence)),
            };
            self.responses = None;
            if let Some(fault) = fault {
                self.pause(&fault, limit).await;
            }
        }
    }

    async fn receive(&mut self) -> Result<Option<WatchCallbacksResponse>, Status> {
        if let Some(responses) = &mut self.responses {
            return responses.message().await;
        }
        self.answered = None;
        let opened = self.client.watch_callbacks(self.request.clone()).await?;
        self.responses.insert(opened.into_inner()).message().await
    }

    /// Whether the credentials of the stream have ended so long after they were accepted that there may be new ones.
    fn is_renewable(&self, code: Code) -> bool {
        code == Code::Unauthenticated && self.answered.is_some_and(|it| it.elapsed() >= RENEWABLE_AFTER)
    }

    async fn pause(&mut self, fault: &str, limit: Duration) {
        // One line for each outage, however long it lasts.
        if self.backoff.is_reset() {
            warn!("watch interrupted, resuming: {fault}");
        } else {
            debug!("watch still interrupted: {fault}");
        }
        sleep(limit + self.backoff.delay()).await;
    }
}

/// The same request would only be refused again.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::OutOfRange
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented
    )
}

fn heartbeat_of(request: &WatchCallbacksRequest) -> Duration {
    let Some(asked) = request.heartbeat_interval else { return DEFAULT_HEARTBEAT };
    // A negative one can't be converted.
    Duration::try_from(asked).unwrap_or_default().clamp(MIN_HEARTBEAT, MAX_HEARTBEAT)
}
