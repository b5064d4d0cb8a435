//! The `daybit` command: a thin front door that uses the library's public names only.
//!
//! Exit codes: 0 done, 1 the operating system or a full disk stopped it, 2 the command, a name or a
//! value is wrong, 3 not a database, 4 another process is writing, 5 damage was found.

#![forbid(unsafe_code)]

mod args;
mod ask;
mod cohort;
mod demo;
mod erase;
mod failure;
mod fields;
mod flags;
mod load;
mod look;
mod output;
mod plan;
mod repair;
mod retain;
mod selector;
#[cfg(feature = "server")]
#[path = "../server/mod.rs"]
mod server;
mod shade;
mod table;
#[cfg(feature = "server")]
mod token;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    failure::leave_out_caught_panics();
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Create(args) => look::create(&args),
        Command::Import(args) => load::import(&args),
        Command::Info(args) => look::info(&args),
        Command::Verify(args) => look::verify(&args),
        Command::Repair(args) => repair::repair(&args),
        Command::Backup(args) => look::backup(&args),
        Command::Export(args) => look::export(&args),
        Command::Query(args) => ask::query(&args),
        Command::Cohort(args) => cohort::cohort(&args),
        Command::Erase(args) => erase::erase(&args),
        Command::Drop(args) => retain::drop_old(&args),
        Command::Readmit(args) => erase::readmit(&args),
        Command::Demo(args) => demo::demo(&args),
        #[cfg(feature = "server")]
        Command::Serve(args) => server::command::serve(&args),
        #[cfg(feature = "server")]
        Command::Token(args) => token::token(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::PlanStep => plan::step(),
        Command::Report(report) => ask::report(&report),
    }
}
