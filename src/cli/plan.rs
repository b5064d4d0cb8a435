//! `daybit plan`: what a workload will need, from samples made and measured on this machine.
//!
//! `workload.rs` checks what is asked for, `design.rs` chooses samples, `events.rs` writes them,
//! `measure.rs` runs them (each step a process of its own, `step.rs`), `forecast.rs` makes figures
//! of them with the pure functions of `estimate.rs`, and `page.rs` prints them.

mod cores;
mod design;
mod estimate;
mod events;
mod forecast;
mod measure;
mod numbers;
mod page;
mod people;
mod place;
mod questions;
mod random;
mod sample;
mod shape;
mod step;
mod system;
mod workload;

use crate::args::{Format, PlanArgs};
use crate::failure::Failure;
use crate::output::say;
use cores::Cores;
use design::{Design, Sample};
use forecast::Grounds;
use indicatif::{ProgressBar, ProgressStyle};
use measure::{Bench, Measured};
use page::Plan;
use place::Place;
use questions::questions;
use std::io::IsTerminal;
use std::time::Instant;
pub use step::step;
use workload::Workload;

/// Events a second that are made, imported and asked about before any were measured.
const EVENTS_PER_SECOND: f64 = 150_000.0;
/// Share of the budget that samples may take: the rest is for writing, and for larger samples that
/// are dearer an event.
const SAMPLES_SHARE: f64 = 0.7;
/// Events that the largest sample may have whatever the budget.
const EVENTS_MIN: f64 = 50_000.0;
/// Bytes on disk per event of a sample, as CSV and as a database, at most.
const BYTES_PER_EVENT: f64 = 150.0;
const CHUNK: u64 = daybit::limits::CHUNK_USERS as u64;

/// Makes samples, measures them, and prints what the workload will need.
pub fn plan(args: &PlanArgs) -> Result<u8, Failure> {
    let budget = numbers::within("--budget", &args.budget, (1.0, 86_400.0))?;
    if !matches!(args.format, Format::Table | Format::Json) {
        return Err(Failure::input("a plan is printed with --format table or json"));
    }
    let example = args.from_sample.as_deref().map(sample::read).transpose()?;
    let held = example.as_ref().map(|example| example.bytes_per_event);
    let workload = Workload::of(args, example.map(|example| example.known))?;
    let place = Place::new(args.work.as_deref())?;
    let bar = bar();
    let plan = measured(&workload, &place, budget, &|what| bar.set_message(what.to_string()));
    bar.finish_and_clear();
    drop(place);
    let mut plan = plan?;
    plan.notes.extend(held.and_then(|held| plan.compared(held)));
    say(&match args.format {
        Format::Json => format!("{:#}\n", plan.json()),
        _ => plan.words(),
    })?;
    Ok(0)
}

fn measured(
    workload: &Workload,
    place: &Place,
    budget: f64,
    tell: &dyn Fn(&str),
) -> Result<Plan, Failure> {
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let load = system::load();
    let questions = questions(&workload.shape);
    let seconds_each = budget / 600.0;
    let bench = Bench { workload, questions: &questions, place, threads, seconds_each, tell };
    let samples = samples(&bench, budget)?;
    let wrote = bench.write_live(budget / 200.0)?;
    let target = workload.whole();
    let grounds = Grounds { samples: &samples, target, threads };
    let forecast = grounds.forecast(&questions).ok_or_else(|| {
        Failure::input("the samples are too small to tell anything: give a larger --budget")
    })?;
    let cores = samples.last().and_then(|largest| Cores::of(largest, threads, &target));
    let mut notes = notes(workload, &samples);
    notes.extend(load.and_then(|load| busy(load, threads)));
    let workload = workload.clone();
    let seconds = started.elapsed().as_secs_f64();
    Ok(Plan { workload, threads, samples, forecast, wrote, cores, notes, seconds })
}

/// The samples, smallest first: how long that takes decides how large the others are.
fn samples(bench: &Bench<'_>, budget: f64) -> Result<Vec<Measured>, Failure> {
    let room = bench.place.free_bytes().map_or(f64::INFINITY, |free| free / 2.0 / BYTES_PER_EVENT);
    let mut design = Design::of(bench.workload, (budget * EVENTS_PER_SECOND).min(room));
    let mut measured = Vec::new();
    if !design.fits.is_empty() {
        let smallest = design.fits.remove(0);
        let first = bench.sample(smallest, false)?;
        let events = affordable(&first, budget) / design.together();
        // However slow the machine is, there is a larger sample to check with.
        let least = EVENTS_MIN.max(2.0 * first.size.events);
        design = Design::of(bench.workload, events.max(least).min(room.max(EVENTS_MIN)));
        design.fits.retain(|fit| *fit != smallest);
        measured.push(first);
        for fit in &design.fits {
            measured.push(bench.sample(*fit, false)?);
        }
        measured.sort_by(|a, b| a.size.events.total_cmp(&b.size.events));
        if !design.held_out.is_more_than(&smallest) {
            return Ok(measured);
        }
    }
    measured.push(bench.sample(design.held_out, true)?);
    Ok(measured)
}

/// Events of all further samples together that the budget still allows. What is short is asked for
/// as long in each sample; what is long, a number of times that does not depend on how long it is.
fn affordable(first: &Measured, budget: f64) -> f64 {
    const FURTHER: f64 = 3.0;
    const TIMES: f64 = 8.0;
    let both = first.asked.iter().chain(&first.asked_alone);
    let asked_once: f64 = both.map(|asked| asked.warm.wall).sum();
    let growing = first.seconds - first.asking_seconds + TIMES * asked_once;
    let left = budget * SAMPLES_SHARE - first.seconds - FURTHER * first.asking_seconds;
    left.max(0.0) * first.size.events / growing.max(0.001)
}

/// What the reader should know beside the figures.
fn notes(workload: &Workload, samples: &[Measured]) -> Vec<String> {
    const COMFORTABLE: f64 = 5e8;
    let mut notes = Vec::new();
    let whole = workload.whole();
    if whole.events > COMFORTABLE {
        notes.push(format!(
            "{} events are more than daybit was tried with (a few hundred million).",
            numbers::short(whole.events)
        ));
    }
    let Some(largest) = samples.last() else { return notes };
    if largest.sample.users < workload.users.min(CHUNK) {
        notes.push(
            "the budget did not reach for the 65,536 users of one chunk, so that times of reports \
             are less sure than their ranges: give a larger --budget."
                .to_string(),
        );
    }
    if largest.sample == (Sample { users: workload.users, days: workload.days }) {
        notes.push("the last sample is the workload itself: nothing was extrapolated.".to_string());
    }
    notes
}

/// What others do at the same time makes all times longer.
fn busy(load: f64, threads: usize) -> Option<String> {
    (load > threads as f64 / 2.0).then(|| {
        format!(
            "the machine was busy when this began (load {} on {threads} processors): on an idle one \
             times are shorter, and more cores pay.",
            numbers::digits(load, 2)
        )
    })
}

/// A line that tells what is being done, on a terminal's standard error only.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{elapsed} {spinner} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}
