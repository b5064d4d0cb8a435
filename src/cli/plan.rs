//! `daybit plan`: what a workload will need, from samples made and measured on this machine.
//!
//! `workload.rs` checks what is asked for, `design.rs` chooses samples, `events.rs` writes them,
//! `climb.rs` makes as many of them as the budget lasts for, `measure.rs` runs them (each step a
//! process of its own, `step.rs`), `forecast.rs` makes figures of them with the pure functions of
//! `estimate.rs`, and `page.rs` prints them.

mod climb;
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
use climb::Climb;
use cores::Cores;
use design::Sample;
use forecast::Grounds;
use indicatif::{ProgressBar, ProgressStyle};
use measure::Measured;
use page::Plan;
use place::Place;
use questions::{Question, questions};
use std::io::IsTerminal;
use std::time::Instant;
pub use step::step;
use workload::Workload;

/// Workloads with so few events, times the seconds of the budget, are measured with all of them;
/// of others, what reports about users take is measured on thinned samples.
const FEW_EVENTS_PER_SECOND: f64 = 20_000.0;

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
    let target = workload.whole();
    let questions = questions(&workload.shape);
    let few = target.events <= budget * FEW_EVENTS_PER_SECOND;
    let (thin, of_events): (Vec<Question>, Vec<Question>) =
        questions.iter().cloned().partition(|question| !few && question.reach.is_of_presence());
    let thinned = workload.thinned();
    // Small samples leave time to ask them more often.
    let seconds_each = budget / if few { 200.0 } else { 500.0 };
    let climb = Climb { place, threads, budget, seconds_each, started, tell };
    let (of_events, wrote) = climb.of_events(workload, of_events, if few { 0.95 } else { 0.55 })?;
    let of_presence = match thin.is_empty() {
        true => None,
        false => Some(climb.of_presence(&thinned, thin, 0.95)?),
    };
    let grounds = |samples, target| Grounds { samples, target, threads };
    let told = || {
        let all = grounds(&of_events.samples, target);
        let mut reports = all.reports(&of_events.questions)?;
        if let Some(thin) = &of_presence {
            let of_thin = grounds(&thin.samples, thinned.whole());
            let mut of_presence = of_thin.reports(&thin.questions)?;
            // Thinned samples have fewer activities to know of when they are opened.
            let opening = |grounds: &Grounds<'_>| Some(grounds.opening()?.estimate.likely);
            let longer = opening(&all)? - opening(&of_thin)?;
            of_presence.iter_mut().for_each(|report| report.open_longer(longer.max(0.0)));
            reports.extend(of_presence);
        }
        // In the order of the questions.
        let place = |name: &str| questions.iter().position(|question| question.name == name);
        reports.sort_by_key(|report| place(&report.warm.name));
        Some((all.needs()?, reports))
    };
    let (needs, reports) = told().ok_or_else(|| {
        Failure::input("the samples are too small to tell anything: give a larger --budget")
    })?;
    let presence = of_presence.map(|thin| thin.samples).unwrap_or_default();
    let samples = of_events.samples;
    let last: Vec<&Measured> = samples.last().into_iter().chain(presence.last()).collect();
    let cores = Cores::of(&last, threads, &target);
    let mut notes = notes(workload, &samples);
    notes.extend(load.and_then(|load| busy(load, threads)));
    let workload = workload.clone();
    let seconds = started.elapsed().as_secs_f64();
    Ok(Plan { workload, threads, samples, presence, needs, reports, wrote, cores, notes, seconds })
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
