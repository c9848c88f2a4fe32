//! A channel on which every unary call has a deadline, and is repeated while the server is not there.
//!
//! tonic knows no service config, so this does what `service_config.json` says.

use std::error::Error;
use std::future::poll_fn;
use std::iter::successors;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, Full};
use tokio::time::{sleep, timeout};
use tonic::body::Body;
use tonic::codegen::Bytes;
use tonic::{Code, Status, transport};
use tower_service::Service;

use crate::backoff::Backoff;
use crate::token::BearerToken;

const TIMEOUT_HEADER: &str = "grpc-timeout";
const TRIES: u32 = 5;
const LONGEST_DELAY: Duration = Duration::from_secs(2);
// A CANCELLED that arrives is of the server or of a proxy: a caller cancels by dropping the call, and reads no status.
const REPEATED: [Code; 2] = [Code::Unavailable, Code::Cancelled];

/// How long a call may take, with all its tries. `None` for streams, which are left as they are: a watch must be resumed
/// with its last token, which only [`watch`](crate::watch) knows.
fn timeout_of(path: &str) -> Option<Duration> {
    match path.strip_prefix("/ringback.v1.")? {
        "CallbacksService/WatchCallbacks" | "DirectoryService/WatchQueues" => None,
        "CallbacksService/BatchCreateCallbacks"
        | "CallbacksService/ResolveCallbacks"
        | "DialerService/ReportAttempts" => Some(Duration::from_secs(60)),
        "DialerService/LeaseCallbacks" => Some(Duration::from_secs(75)),
        "DirectoryService/EraseTarget" => Some(Duration::from_secs(300)),
        _ => Some(Duration::from_secs(10)),
    }
}

/// A connection to Ringback, for any of the generated clients. Cheap to clone; clones share the connection.
///
/// Unary calls have a deadline of 10 s (those for many callbacks: 60 s, `LeaseCallbacks`: 75 s, `EraseTarget`: 300 s)
/// unless the request sets a shorter one, and are tried up to five times while they end UNAVAILABLE, or CANCELLED by the
/// other side. A retry repeats what may have been done already: give every create an `external_task_id` or a
/// `request_id`, and repeating it is harmless.
#[derive(Clone, Debug)]
pub struct Channel {
    inner: transport::Channel,
    token: Option<BearerToken>,
}

impl Channel {
    pub(crate) fn new(inner: transport::Channel, token: Option<BearerToken>) -> Self {
        Self { inner, token }
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Each try waits for the connection by itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let channel = self.clone();
        match timeout_of(request.uri().path()) {
            Some(limit) => Box::pin(call_unary(channel, request, limit)),
            None => Box::pin(open_stream(channel, request)),
        }
    }
}

async fn open_stream(channel: Channel, request: Request<Body>) -> Result<Response<Body>, Status> {
    let response = send(channel, request).await?;
    Ok(response.map(|body| Body::new(body.map_err(|error| no_answer(&error)))))
}

async fn call_unary(channel: Channel, mut request: Request<Body>, limit: Duration) -> Result<Response<Body>, Status> {
    let limit = shorten_timeout(request.headers_mut(), limit);
    timeout(limit, repeat(channel, request))
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded(format!("no answer within {limit:?}"))))
}

async fn repeat(channel: Channel, request: Request<Body>) -> Result<Response<Body>, Status> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut backoff = Backoff::up_to(LONGEST_DELAY);
    let mut tries = 0;
    loop {
        let request = Request::from_parts(head.clone(), Body::new(Full::new(body.clone())));
        let answer = call_once(channel.clone(), request).await;
        tries += 1;
        if tries == TRIES || !may_be_repeated(&answer) {
            return answer.map(|response| response.map(Body::new));
        }
        sleep(backoff.delay()).await;
    }
}

/// One try, up to the end of its answer, so that the deadline holds for all of it.
async fn call_once(channel: Channel, request: Request<Body>) -> Result<Response<Collected<Bytes>>, Status> {
    let (head, body) = send(channel, request).await?.into_parts();
    let body = body.collect().await.map_err(|error| no_answer(&error))?;
    Ok(Response::from_parts(head, body))
}

async fn send(channel: Channel, mut request: Request<Body>) -> Result<Response<Body>, Status> {
    let Channel { inner: mut connection, token } = channel;
    poll_fn(|context| connection.poll_ready(context)).await.map_err(|error| no_answer(&error))?;
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, token.authorization().await?);
    }
    connection.call(request).await.map_err(|error| no_answer(&error))
}

fn may_be_repeated(answer: &Result<Response<Collected<Bytes>>, Status>) -> bool {
    match answer {
        // A status that comes without a message is in the headers.
        Ok(response) => Status::from_header_map(response.headers()).is_some_and(|it| REPEATED.contains(&it.code())),
        Err(status) => REPEATED.contains(&status.code()),
    }
}

/// The connection failed before a status came. tonic has several codes for that; to a caller it is all the same.
fn no_answer(error: &(dyn Error + 'static)) -> Status {
    let causes: Vec<String> = successors(Some(error), |it| (*it).source()).map(ToString::to_string).collect();
    Status::unavailable(causes.join(": "))
}

/// Puts the limit into the headers, unless the caller's is shorter, and returns the shorter of the two.
fn shorten_timeout(headers: &mut HeaderMap, limit: Duration) -> Duration {
    if let Some(asked) = headers.get(TIMEOUT_HEADER).and_then(parse_timeout).filter(|it| *it < limit) {
        return asked;
    }
    let value = HeaderValue::try_from(format!("{}m", limit.as_millis())).expect("ASCII");
    headers.insert(TIMEOUT_HEADER, value);
    limit
}

fn parse_timeout(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (amount, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = amount.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use serde_json::{Value, json};

    use super::{Duration, LONGEST_DELAY, REPEATED, TRIES, timeout_of};
    use crate::backoff::FIRST_DELAY;

    fn seconds(duration: Duration) -> Value {
        format!("{}s", duration.as_secs_f64()).into()
    }

    #[test]
    fn does_what_the_service_config_says() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/ringback/service_config.json");
        let config: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let retries = json!({
            "maxAttempts": TRIES,
            "initialBackoff": seconds(FIRST_DELAY),
            "maxBackoff": seconds(LONGEST_DELAY),
            "backoffMultiplier": 2,
            "retryableStatusCodes": REPEATED.map(|code| format!("{code:?}").to_uppercase()),
        });
        for entry in config["methodConfig"].as_array().unwrap() {
            for name in entry["name"].as_array().unwrap() {
                let method = name["method"].as_str().unwrap_or("AnyOther");
                let timeout = timeout_of(&format!("/{}/{method}", name["service"].as_str().unwrap()));
                assert_eq!(entry.get("timeout"), timeout.map(seconds).as_ref(), "{name}");
                assert_eq!(entry.get("retryPolicy"), timeout.map(|_| &retries), "{name}");
            }
        }
    }
}
