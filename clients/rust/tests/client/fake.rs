//! A server that answers as a test tells it, and remembers what it was asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use ringback_client::Channel;
use ringback_client::v1::callbacks_service_client::CallbacksServiceClient;
use ringback_client::v1::callbacks_service_server::{CallbacksService, CallbacksServiceServer};
use ringback_client::v1::{
    CreateCallbackRequest, CreateCallbackResponse, WatchCallbacksRequest, WatchCallbacksResponse,
};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{self as stream, Stream, StreamExt};
use tonic::codegen::BoxStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Code, Request, Response, Status, async_trait};
use tonic_types::{ErrorDetails, StatusExt};

/// One stream: responses with these tokens, and what comes after them.
pub struct Script(pub &'static [&'static str], pub End);

pub enum End {
    Ok,
    Error(Status),
    /// An error that comes when `Fake::ending` says so.
    Later(Status),
    Silence,
}

/// What becomes of one create.
pub enum Create {
    Succeeds,
    Fails(Status),
    Hangs,
}

#[derive(Default)]
pub struct Fake {
    scripts: Mutex<VecDeque<Script>>,
    creates: Mutex<VecDeque<Create>>,
    watched: Mutex<Vec<WatchCallbacksRequest>>,
    created: Mutex<Vec<(MetadataMap, CreateCallbackRequest)>>,
    /// A create has arrived.
    pub arrived: Notify,
    /// Ends a stream that waits for it.
    pub ending: Arc<Notify>,
    /// A stream was cancelled before its end.
    pub cancelled: Arc<Notify>,
}

impl Fake {
    pub fn watched(scripts: impl Into<VecDeque<Script>>) -> Arc<Self> {
        Arc::new(Self { scripts: Mutex::new(scripts.into()), ..Self::default() })
    }

    pub fn created(creates: impl Into<VecDeque<Create>>) -> Arc<Self> {
        Arc::new(Self { creates: Mutex::new(creates.into()), ..Self::default() })
    }

    /// Serves in plain text, and gives a client with the recommended set-up.
    pub async fn client(self: &Arc<Self>) -> CallbacksServiceClient<Channel> {
        let address = self.serve(Server::builder()).await;
        CallbacksServiceClient::new(Channel::plain_text(address.to_string()).build().unwrap())
    }

    /// Serves for as long as the test runs.
    pub async fn serve(self: &Arc<Self>, mut server: Server) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router: Router = server.add_service(CallbacksServiceServer::from_arc(self.clone()));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }

    /// The resume tokens of all watches so far.
    pub fn resume_tokens(&self) -> Vec<String> {
        self.watched.lock().unwrap().iter().map(|it| it.resume_token.clone()).collect()
    }

    /// All creates so far.
    pub fn requests(&self) -> Vec<CreateCallbackRequest> {
        self.created.lock().unwrap().iter().map(|(_, request)| request.clone()).collect()
    }

    /// The `authorization` of all creates so far that had one.
    pub fn authorizations(&self) -> Vec<String> {
        let created = self.created.lock().unwrap();
        let values = created.iter().filter_map(|(metadata, _)| metadata.get("authorization"));
        values.map(|it| it.to_str().unwrap().to_owned()).collect()
    }
}

/// A refusal whose `RetryInfo` has this delay.
pub fn limited(code: Code, delay: Duration) -> Status {
    Status::with_error_details(code, "on purpose", ErrorDetails::with_retry_info(Some(delay)))
}

#[async_trait]
impl CallbacksService for Fake {
    async fn create_callback(
        &self,
        request: Request<CreateCallbackRequest>,
    ) -> Result<Response<CreateCallbackResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        self.created.lock().unwrap().push((metadata, request));
        self.arrived.notify_one();
        let create = self.creates.lock().unwrap().pop_front();
        match create.expect("a create that the test foresees") {
            Create::Succeeds => Ok(Response::new(CreateCallbackResponse { created: true, ..Default::default() })),
            Create::Fails(status) => Err(status),
            Create::Hangs => std::future::pending().await,
        }
    }

    async fn watch_callbacks(
        &self,
        request: Request<WatchCallbacksRequest>,
    ) -> Result<Response<BoxStream<WatchCallbacksResponse>>, Status> {
        self.watched.lock().unwrap().push(request.into_inner());
        let Script(tokens, end) = self.scripts.lock().unwrap().pop_front().expect("a watch that the test foresees");
        let responses = stream::iter(tokens)
            .map(|token| Ok(WatchCallbacksResponse { resume_token: (*token).to_owned(), ..Default::default() }));
        Ok(Response::new(match end {
            End::Ok => Box::pin(responses),
            End::Error(status) => Box::pin(responses.chain(stream::once(Err(status)))),
            End::Later(status) => {
                let ending = self.ending.clone();
                let end = stream::once(()).then(move |()| {
                    let (ending, status) = (ending.clone(), status.clone());
                    async move {
                        ending.notified().await;
                        Err(status)
                    }
                });
                Box::pin(responses.chain(end))
            }
            End::Silence => Box::pin(responses.chain(Silence(self.cancelled.clone()))),
        }))
    }
}

/// A stream that yields nothing, and tells when it is dropped.
struct Silence(Arc<Notify>);

impl Stream for Silence {
    type Item = Result<WatchCallbacksResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
