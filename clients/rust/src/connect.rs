//! Opening a channel with the recommended set-up.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::uri::{Authority, Scheme, Uri};
use http::{HeaderValue, header::InvalidHeaderValue};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::Channel;

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
    bearer_token: Option<String>,
}

impl ChannelBuilder {
    fn new(target: String, scheme: Scheme) -> Self {
        Self { target, scheme, root_certificates: None, bearer_token: None }
    }

    /// Trusts these certificates, in PEM, instead of the system's roots.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Sends `authorization: Bearer …` with every call. Over TLS only.
    #[must_use]
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.bearer_token = Some(token.into());
        self
    }

    /// Makes the channel. It connects with its first call, and again whenever the connection is lost.
    ///
    /// # Errors
    ///
    /// When the target, the token or the certificates are malformed, when the system has no roots, and when a token
    /// would be sent in plain text. Whether there is a server, only a call can tell.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn build(self) -> Result<Channel, ConnectError> {
        if self.scheme == Scheme::HTTP && self.bearer_token.is_some() {
            return Err(ConnectError::TokenInPlainText);
        }
        let authorization = self.bearer_token.as_deref().map(authorization).transpose()?;
        let endpoint = self.endpoint()?;
        Ok(Channel::new(endpoint.connect_lazy(), authorization))
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
        endpoint.tls_config(tls).map_err(ConnectError::Tls)
    }
}

fn authorization(token: &str) -> Result<HeaderValue, ConnectError> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(ConnectError::Token)?;
    // Keeps it out of `Debug`, and out of the connection's header compression.
    value.set_sensitive(true);
    Ok(value)
}

/// Why a channel could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The target is not `host:port`.
    Target(String),
    /// The bearer token has characters that no header can carry.
    Token(InvalidHeaderValue),
    /// A bearer token is only sent over TLS.
    TokenInPlainText,
    /// The certificates can't be read, or the system has none.
    Tls(tonic::transport::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(target) => write!(formatter, "{target:?} is not host:port"),
            Self::Token(_) => write!(formatter, "the bearer token can't be sent in a header"),
            Self::TokenInPlainText => write!(formatter, "a bearer token is only sent over TLS"),
            Self::Tls(_) => write!(formatter, "TLS can't be set up"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Target(_) | Self::TokenInPlainText => None,
        }
    }
}
