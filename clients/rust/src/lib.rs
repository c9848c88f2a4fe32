#![doc = include_str!("../README.md")]

mod backoff;
mod channel;
mod connect;
mod create;
mod error;
mod token;
mod watch;

pub use channel::Channel;
pub use connect::{ChannelBuilder, ConnectError};
pub use create::{CREATE_DEADLINE, create};
pub use error::{Violation, reason_of, violations_of};
pub use watch::{Responses, watch};
pub use {prost_types, tonic};

/// The messages, clients and servers of the proto package `ringback.v1`, generated. Their comments are the
/// reference manual of the API.
#[allow(missing_docs, clippy::pedantic)]
pub mod v1 {
    // Included, not declared: rustfmt leaves what is generated as it is.
    include!("gen/ringback.v1.rs");
}
