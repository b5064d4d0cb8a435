//! `daybit serve`: flags to a setup, and what is said at the start.

use super::limits::Limits;
use super::shared::Setup;
use super::tokens::Keeper;
use crate::args::{LogFormat, ServeArgs};
use crate::failure::Failure;
use crate::output::say;
use daybit::{Db, Options};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tracing::Level;

/// Serves a database until the process is told to end.
pub fn serve(args: &ServeArgs) -> Result<u8, Failure> {
    let db = match args.read_only {
        true => Db::open_read_only(&args.db)?,
        false => Db::open(&args.db, Options::new())?,
    };
    serve_opened(db, args)
}

/// Serves a database that is open already.
pub fn serve_opened(db: Db, args: &ServeArgs) -> Result<u8, Failure> {
    log(args);
    let tokens = Keeper::open(&args.db)?;
    let db = Arc::new(db);
    let served = super::serve(db.clone(), setup(args), tokens, |address| {
        let told = say(&format!("listening on http://{address}\n"));
        told.map_err(|failure| io::Error::other(failure.to_string()))
    });
    if let Some(db) = Arc::into_inner(db) {
        db.close()?;
    }
    served.map_err(|error| {
        Failure::Io(io::Error::other(format!("cannot serve on {}: {error}", args.listen)))
    })?;
    Ok(0)
}

/// A line for each request, on standard error.
fn log(args: &ServeArgs) {
    let level = if args.quiet { Level::WARN } else { Level::INFO };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // A log that was set up before stays.
    let _ = match args.log {
        LogFormat::Text => tracing::subscriber::set_global_default(lines.with_ansi(false).finish()),
        LogFormat::Json => tracing::subscriber::set_global_default(lines.json().finish()),
    };
}

fn setup(args: &ServeArgs) -> Setup {
    let mib = |mib: u32| usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Setup {
        path: std::fs::canonicalize(&args.db).unwrap_or_else(|_| args.db.clone()),
        listen: args.listen,
        hosts: args.hosts.clone(),
        origins: args.origins.clone(),
        needs_token: args.require_token,
        read_only: args.read_only,
        limits: Limits {
            connections: args.connections,
            body_bytes: mib(args.body_mib),
            expanded_bytes: mib(args.body_mib).saturating_mul(4),
            import_bytes: u64::from(args.import_mib) << 20,
            body_time: Duration::from_secs(args.body_seconds),
            query_time: Duration::from_secs(args.query_seconds),
            query_bytes: mib(args.query_mib),
            queries_at_once: cores.max(2),
            ahead_hours: args.ahead_hours,
            behind_days: args.behind_days,
        },
    }
}
