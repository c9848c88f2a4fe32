//! The driver of `tests/conformance`: carries out commands from standard input, as the README there says.

use std::collections::HashMap;
use std::env::args;
use std::fs::read;
use std::io::stdin;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use ringback_client::v1::callbacks_service_client::CallbacksServiceClient;
use ringback_client::v1::dialer_service_client::DialerServiceClient;
use ringback_client::v1::directory_service_client::DirectoryServiceClient;
use ringback_client::v1::{Error, ErrorReason, WatchCallbacksRequest, WatchQueuesRequest};
use ringback_client::{Channel, create, reason_of, violations_of, watch};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Request, Status};

type Outcome = Result<Value, Status>;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let channel = {
        let _entered = runtime.enter();
        channel_of(args().skip(1))
    };
    let mut running = HashMap::new();
    for line in stdin().lines() {
        let command: Value = serde_json::from_str(&line.expect("text")).expect("a command");
        if let Some(id) = command["stop"].as_u64() {
            runtime.spawn(stop(command, running.remove(&id)));
        } else {
            let id = command["id"].as_u64().expect("an id");
            running.insert(id, runtime.spawn(execute(channel.clone(), command)));
        }
    }
    runtime.shutdown_background();
}

/// HOST:PORT [--ca FILE] [--cert FILE --key FILE] [--token-file FILE]
fn channel_of(mut arguments: impl Iterator<Item = String>) -> Channel {
    let target = arguments.next().expect("HOST:PORT");
    let mut files: HashMap<String, String> = HashMap::new();
    while let Some(option) = arguments.next() {
        files.insert(option, arguments.next().expect("a file"));
    }
    let pem_of = |option: &str| files.get(option).map(|file| read(file).expect("a file that can be read"));
    let mut channel = match pem_of("--ca") {
        Some(roots) => Channel::secure(target).root_certificates(roots),
        None => Channel::plain_text(target).allow_token_in_plain_text(),
    };
    if let (Some(certificate), Some(key)) = (pem_of("--cert"), pem_of("--key")) {
        channel = channel.client_certificate(certificate, key);
    }
    if let Some(file) = files.get("--token-file") {
        channel = channel.bearer_token_file(file);
    }
    channel.build().expect("a channel")
}

async fn stop(command: Value, task: Option<JoinHandle<()>>) {
    if let Some(task) = task {
        task.abort();
        // Whether it was cancelled or had ended: its stream is dropped now.
        let _ = task.await;
    }
    answer(&command, json!({ "code": "OK" }));
}

async fn execute(channel: Channel, command: Value) {
    let mut callbacks = CallbacksServiceClient::new(channel.clone());
    let outcome = if let Some(method) = command["call"].as_str() {
        call(channel, method, &command).await
    } else if let Some(request) = command.get("create") {
        create(&callbacks, decode(request), timeout_of(&command)).await.map(|it| success(&it))
    } else if let Some(request) = command.get("stream") {
        match callbacks.watch_callbacks(decode::<WatchCallbacksRequest>(request)).await {
            Ok(response) => forward(&command, response.into_inner()).await,
            Err(status) => Err(status),
        }
    } else if let Some(request) = command.get("queues") {
        match DirectoryServiceClient::new(channel).watch_queues(decode::<WatchQueuesRequest>(request)).await {
            Ok(response) => forward(&command, response.into_inner()).await,
            Err(status) => Err(status),
        }
    } else if let Some(error) = command.get("error") {
        Err(decode::<Error>(error).into())
    } else {
        forward(&command, watch(&callbacks, decode(&command["watch"]))).await
    };
    answer(&command, outcome.unwrap_or_else(|status| failure(&status)));
}

async fn forward(command: &Value, mut responses: impl Stream<Item = Result<impl Message, Status>> + Unpin) -> Outcome {
    while let Some(response) = responses.next().await {
        answer(command, json!({ "response": encode(&response?) }));
    }
    Ok(json!({ "code": "OK" }))
}

/// Picks a method of the generated clients by its name.
macro_rules! methods {
    ($channel:ident, $command:ident, $method:ident, { $($name:literal => $client:ident.$call:ident,)* }) => {
        match $method {
            $($name => $client::new($channel).$call(request_of($command)).await.map(|it| success(it.get_ref())),)*
            unknown => panic!("no such method: {unknown}"),
        }
    };
}

async fn call(channel: Channel, method: &str, command: &Value) -> Outcome {
    methods!(channel, command, method, {
        "ringback.v1.CallbacksService/CreateCallback" => CallbacksServiceClient.create_callback,
        "ringback.v1.CallbacksService/BatchCreateCallbacks" => CallbacksServiceClient.batch_create_callbacks,
        "ringback.v1.CallbacksService/GetCallback" => CallbacksServiceClient.get_callback,
        "ringback.v1.CallbacksService/ListCallbacks" => CallbacksServiceClient.list_callbacks,
        "ringback.v1.CallbacksService/CountCallbacks" => CallbacksServiceClient.count_callbacks,
        "ringback.v1.CallbacksService/ListCallbackEvents" => CallbacksServiceClient.list_callback_events,
        "ringback.v1.CallbacksService/GetCallTrace" => CallbacksServiceClient.get_call_trace,
        "ringback.v1.CallbacksService/CancelCallback" => CallbacksServiceClient.cancel_callback,
        "ringback.v1.CallbacksService/UpdateCallback" => CallbacksServiceClient.update_callback,
        "ringback.v1.CallbacksService/ResolveCallbacks" => CallbacksServiceClient.resolve_callbacks,
        "ringback.v1.DialerService/LeaseCallbacks" => DialerServiceClient.lease_callbacks,
        "ringback.v1.DialerService/ExtendLeases" => DialerServiceClient.extend_leases,
        "ringback.v1.DialerService/ReportProgress" => DialerServiceClient.report_progress,
        "ringback.v1.DialerService/ReportOutcome" => DialerServiceClient.report_outcome,
        "ringback.v1.DialerService/ReportAttempts" => DialerServiceClient.report_attempts,
        "ringback.v1.DialerService/ReleaseLeases" => DialerServiceClient.release_leases,
        "ringback.v1.DirectoryService/ListServices" => DirectoryServiceClient.list_services,
        "ringback.v1.DirectoryService/GetService" => DirectoryServiceClient.get_service,
        "ringback.v1.DirectoryService/CreateService" => DirectoryServiceClient.create_service,
        "ringback.v1.DirectoryService/UpdateService" => DirectoryServiceClient.update_service,
        "ringback.v1.DirectoryService/DeleteService" => DirectoryServiceClient.delete_service,
        "ringback.v1.DirectoryService/GetQueue" => DirectoryServiceClient.get_queue,
        "ringback.v1.DirectoryService/GetOutcomes" => DirectoryServiceClient.get_outcomes,
        "ringback.v1.DirectoryService/GetIdentity" => DirectoryServiceClient.get_identity,
        "ringback.v1.DirectoryService/EraseTarget" => DirectoryServiceClient.erase_target,
    })
}

fn request_of<M: Message + Default>(command: &Value) -> Request<M> {
    let mut request = Request::new(decode(&command["request"]));
    request.set_timeout(timeout_of(command));
    request
}

fn timeout_of(command: &Value) -> Duration {
    Duration::from_millis(command["timeout_ms"].as_u64().expect("timeout_ms"))
}

fn decode<M: Message + Default>(text: &Value) -> M {
    let bytes = STANDARD.decode(text.as_str().expect("text")).expect("base64");
    M::decode(bytes.as_slice()).expect("a message")
}

fn encode(message: &impl Message) -> String {
    STANDARD.encode(message.encode_to_vec())
}

fn success(response: &impl Message) -> Value {
    json!({ "code": "OK", "response": encode(response) })
}

fn failure(status: &Status) -> Value {
    let reason = match reason_of(status) {
        ErrorReason::Unspecified => "",
        reason => reason.as_str_name().trim_start_matches("ERROR_REASON_"),
    };
    let violations = violations_of(status).into_iter().map(|it| [it.field, it.description]);
    json!({
        "code": name_of(status.code()),
        "reason": reason,
        "message": status.message(),
        "violations": violations.collect::<Vec<_>>(),
    })
}

/// `NOT_FOUND` for `NotFound`.
fn name_of(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

fn answer(command: &Value, mut answer: Value) {
    answer["id"] = command["id"].clone();
    println!("{answer}");
}
