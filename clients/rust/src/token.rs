//! What proves to the server who the client is: a bearer token, or the file that has it.

use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;
use tonic::Status;

#[derive(Clone, Debug)]
pub(crate) enum BearerToken {
    Fixed(HeaderValue),
    InFile(Arc<Path>),
}

impl BearerToken {
    /// The value of `authorization` at this moment.
    pub(crate) async fn authorization(&self) -> Result<HeaderValue, Status> {
        let path = match self {
            Self::Fixed(value) => return Ok(value.clone()),
            Self::InFile(path) => path,
        };
        let shown = path.display();
        let content = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| Status::unauthenticated(format!("the token file {shown} cannot be read: {error}")))?;
        authorization(content.trim())
            .ok_or_else(|| Status::unauthenticated(format!("the token file {shown} has no token that can be sent")))
    }
}

/// The value of `authorization` for a token; none for one that is empty, or that no header can carry.
pub(crate) fn authorization(token: &str) -> Option<HeaderValue> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    // Keeps it out of `Debug`, and out of the connection's header compression.
    value.set_sensitive(true);
    Some(value)
}
