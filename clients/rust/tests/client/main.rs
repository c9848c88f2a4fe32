//! The helpers against a real server, made from the generated service, that follows a script.

mod channel;
mod create;
mod credentials;
mod error;
mod fake;
mod watch;
