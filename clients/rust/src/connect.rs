//! Opening a channel with the recommended set-up.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use http::uri::{Authority, Scheme, Uri};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::Channel;
use crate::token::{BearerToken, authorization};

// A ping notices a dead connection, and keeps NATs and proxies from dropping one that is only quiet. The server
// permits one every ten seconds.
const PING_AFTER: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Channel {
    /// Prepares a channel with TLS to `target`, written `host:port`.
    pub fn secure(target: impl Into<String>) -> ChannelBuilder {
        ChannelBuilder::new(target.into(), Scheme::HTTPS)
    }

    /// Prepares a channel *without encryption* to `target`, written `host:port`: for a server on the same machine.
    pub fn plain_text(target: impl Into<String>) -> ChannelBuilder {
        ChannelBuilder::new(target.into(), Scheme::HTTP)
    }
}

/// Prepares a [`Channel`]. Begin with [`Channel::secure`] or [`Channel::plain_text`].
pub struct ChannelBuilder {
    target: String,
    scheme: Scheme,
    root_certificates: Option<Vec<u8>>,
    identity: Option<Identity>,
    token: Option<Result<BearerToken, ConnectError>>,
    may_show_token: bool,
}

impl ChannelBuilder {
    fn new(target: String, scheme: Scheme) -> Self {
        let may_show_token = scheme == Scheme::HTTPS;
        Self { target, scheme, root_certificates: None, identity: None, token: None, may_show_token }
    }

    /// Trusts these certificates, in PEM, instead of the system's roots.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Shows this certificate to the server, with its chain, and proves it by the key (mTLS). Both are in PEM.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.identity = Some(Identity::from_pem(certificate, key));
        self
    }

    /// Sends `authorization: Bearer …` with every call. Over TLS only.
    #[must_use]
    pub fn bearer_token(mut self, token: impl AsRef<str>) -> Self {
        let value = authorization(token.as_ref()).ok_or(ConnectError::Token);
        self.token = Some(value.map(BearerToken::Fixed));
        self
    }

    /// Sends the token in this file, like [`bearer_token`](Self::bearer_token). The file is read for each try of a call,
    /// so a token that is renewed is used at once: replace the file by renaming another one to it. A call ends
    /// `Unauthenticated`, and nothing is sent, while the file has no token.
    #[must_use]
    pub fn bearer_token_file(mut self, path: impl AsRef<Path>) -> Self {
        self.token = Some(Ok(BearerToken::InFile(path.as_ref().into())));
        self
    }

    /// Sends the token over plain text, too: where only those can read the connection who may have the token, on the
    /// loopback interface or within a service mesh.
    #[must_use]
    pub fn allow_token_in_plain_text(mut self) -> Self {
        self.may_show_token = true;
        self
    }

    /// Makes the channel. It connects with its first call, and again whenever the connection is lost.
    ///
    /// # Errors
    ///
    /// When the target, the token or the certificates are malformed, when the system has no roots, and when a token
    /// would be sent in plain text without being allowed to. Whether there is a server, only a call can tell.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn build(mut self) -> Result<Channel, ConnectError> {
        let token = self.token.take().transpose()?;
        if token.is_some() && !self.may_show_token {
            return Err(ConnectError::TokenInPlainText);
        }
        let endpoint = self.endpoint()?;
        Ok(Channel::new(endpoint.connect_lazy(), token))
    }

    fn endpoint(self) -> Result<Endpoint, ConnectError> {
        let authority: Authority = self.target.parse().map_err(|_| ConnectError::Target(self.target))?;
        let is_secure = self.scheme == Scheme::HTTPS;
        let uri = Uri::builder().scheme(self.scheme).authority(authority).path_and_query("/").build();
        let endpoint = Endpoint::from(uri.expect("all parts are there"))
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true);
        if !is_secure {
            return Ok(endpoint);
        }
        let tls = ClientTlsConfig::new().timeout(CONNECT_TIMEOUT);
        let tls = match self.root_certificates {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_native_roots(),
        };
        let tls = match self.identity {
            Some(identity) => tls.identity(identity),
            None => tls,
        };
        endpoint.tls_config(tls).map_err(ConnectError::Tls)
    }
}

/// Why a channel could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The target is not `host:port`.
    Target(String),
    /// The bearer token is empty, or has characters that no header can carry.
    Token,
    /// A bearer token is only sent over TLS, unless
    /// [`allow_token_in_plain_text`](ChannelBuilder::allow_token_in_plain_text) says otherwise.
    TokenInPlainText,
    /// The certificates or the key can't be read, don't belong together, or the system has no roots.
    Tls(tonic::transport::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(target) => write!(formatter, "{target:?} is not host:port"),
            Self::Token => write!(formatter, "the bearer token can't be sent in a header"),
            Self::TokenInPlainText => write!(formatter, "a bearer token is only sent over TLS"),
            Self::Tls(_) => write!(formatter, "TLS can't be set up"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Tls(error) => Some(error),
            Self::Target(_) | Self::Token | Self::TokenInPlainText => None,
        }
    }
}
