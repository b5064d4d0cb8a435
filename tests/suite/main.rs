//! What daybit must do as seen from outside, in one binary: linking is slow on small machines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs
)]

mod beside;
mod cli;
mod docs;
mod events;
mod expected;
mod golden;
mod house;
#[cfg(feature = "server")]
mod http;
mod kill;
mod laws;
mod model;
mod oracle;
mod questions;
mod same;
mod segments;
#[cfg(feature = "server")]
mod server;
mod size;
mod small_disk;
mod support;
