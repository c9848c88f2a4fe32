//! What proves who the client is, and to whom it is shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, process};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use ringback_client::v1::CreateCallbackRequest;
use ringback_client::v1::callbacks_service_client::CallbacksServiceClient;
use ringback_client::{Channel, ChannelBuilder, ConnectError};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Code, Status};

use crate::fake::{Create, Fake};

fn certify() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// Serves over TLS, and gives the target.
async fn serve_tls(server: &Arc<Fake>, certificate: &CertifiedKey<KeyPair>, clients: Option<String>) -> String {
    let identity = Identity::from_pem(certificate.cert.pem(), certificate.signing_key.serialize_pem());
    let tls = ServerTlsConfig::new().identity(identity);
    let tls = match clients {
        Some(pem) => tls.client_ca_root(Certificate::from_pem(pem)),
        None => tls,
    };
    let port = server.serve(Server::builder().tls_config(tls).unwrap()).await.port();
    format!("localhost:{port}")
}

async fn serve_plain_text(server: &Arc<Fake>) -> ChannelBuilder {
    Channel::plain_text(server.serve(Server::builder()).await.to_string())
}

async fn create(channel: ChannelBuilder) -> Result<(), Status> {
    let mut client = CallbacksServiceClient::new(channel.build().unwrap());
    client.create_callback(CreateCallbackRequest::default()).await.map(|_| ())
}

/// A file that is gone with the test.
struct TokenFile(PathBuf);

impl TokenFile {
    fn new(name: &str, content: &str) -> Self {
        let file = Self(env::temp_dir().join(format!("ringback-{}-{name}", process::id())));
        file.write(content);
        file
    }

    fn write(&self, content: &str) {
        fs::write(&self.0, content).unwrap();
    }
}

impl AsRef<Path> for TokenFile {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

#[tokio::test]
async fn sends_the_token_over_tls() {
    let server = Fake::created([Create::Succeeds, Create::Succeeds]);
    let certificate = certify();
    let target = serve_tls(&server, &certificate, None).await;
    let channel = || Channel::secure(target.clone()).root_certificates(certificate.cert.pem());
    let file = TokenFile::new("over-tls", "in-a-file\n");

    create(channel().bearer_token("secret")).await.unwrap();
    create(channel().bearer_token_file(&file)).await.unwrap();

    assert_eq!(server.authorizations(), ["Bearer secret", "Bearer in-a-file"]);
}

#[tokio::test]
async fn sends_the_token_in_plain_text_only_where_that_is_said() {
    let server = Fake::created([Create::Succeeds]);
    let channel = serve_plain_text(&server).await;

    create(channel.bearer_token("secret").allow_token_in_plain_text()).await.unwrap();

    let refused = [
        Channel::plain_text("localhost:50051").bearer_token("secret"),
        Channel::plain_text("localhost:50051").bearer_token_file("token"),
    ];
    for channel in refused {
        assert!(matches!(channel.build(), Err(ConnectError::TokenInPlainText)));
    }
    assert_eq!(server.authorizations(), ["Bearer secret"]);
}

#[tokio::test]
async fn reads_the_file_for_each_call() {
    let server = Fake::created([Create::Succeeds, Create::Succeeds]);
    let file = TokenFile::new("each-call", "first");
    let channel = serve_plain_text(&server).await.bearer_token_file(&file).allow_token_in_plain_text();
    let mut client = CallbacksServiceClient::new(channel.build().unwrap());

    client.create_callback(CreateCallbackRequest::default()).await.unwrap();
    file.write("  second\r\n");
    client.create_callback(CreateCallbackRequest::default()).await.unwrap();

    assert_eq!(server.authorizations(), ["Bearer first", "Bearer second"]);
}

#[tokio::test]
async fn sends_nothing_without_a_usable_token() {
    let server = Fake::created([]);
    let channel = || serve_plain_text(&server);
    let files = [("empty", " \n"), ("two", "secret\nsecret\n"), ("not-ascii", "secrét")];
    let files = files.map(|(name, content)| TokenFile::new(name, content));
    let missing = PathBuf::from("/nowhere/token");

    for path in files.iter().map(AsRef::as_ref).chain([missing.as_path()]) {
        let channel = channel().await.bearer_token_file(path).allow_token_in_plain_text();
        let status = create(channel).await.unwrap_err();

        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
        assert!(!status.message().contains("secr"), "{status}");
    }
    for token in ["", "secret\nx-admin: 1", "two words"] {
        let refused = Channel::secure("localhost:50051").bearer_token(token).build();

        assert!(matches!(refused, Err(ConnectError::Token)));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn shows_the_client_certificate() {
    let server = Fake::created([Create::Succeeds]);
    let (certificate, client) = (certify(), certify());
    let target = serve_tls(&server, &certificate, Some(client.cert.pem())).await;
    let channel = || Channel::secure(target.clone()).root_certificates(certificate.cert.pem());

    create(channel().client_certificate(client.cert.pem(), client.signing_key.serialize_pem())).await.unwrap();

    let status = create(channel()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn trusts_only_its_roots() {
    let server = Fake::created([]);
    let target = serve_tls(&server, &certify(), None).await;

    let status = create(Channel::secure(target).root_certificates(certify().cert.pem())).await.unwrap_err();

    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_key_is_that_of_the_certificate() {
    let (certificate, other) = (certify().cert.pem(), certify().signing_key.serialize_pem());
    let refused = Channel::secure("localhost:443").client_certificate(certificate, other).build();

    assert!(matches!(refused, Err(ConnectError::Tls(_))));
}
