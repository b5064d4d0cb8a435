//! Funnels: a bar per step, and what is lost between them.

use super::Style;
use super::columns::{histogram, starts};
use super::grid::{Strip, Tile, bars, below_each_other, draw};
use super::text::{duration, name, percent};
use crate::selector::spoken;
use daybit::{BucketInfo, Column, DurationBin, FunnelStep};

/// The whole range as bars; a trend as a row per bucket.
pub fn render_funnel(
    buckets: &[BucketInfo],
    by_bucket: bool,
    steps: &[FunnelStep],
    histogram: &[DurationBin],
    style: &Style,
) -> String {
    if by_bucket {
        return trend(buckets, steps, style);
    }
    let complete = buckets.iter().all(|bucket| bucket.complete);
    bars_of(steps, complete, style) + &whole_run(steps) + &times(histogram, style)
}

/// A row per step.
fn bars_of(steps: &[FunnelStep], complete: bool, style: &Style) -> String {
    let label = |step: &FunnelStep| {
        let mark = if complete { "" } else { "*" };
        Tile::plain(format!("{} {}{mark}", step.step, name(&spoken(&step.event))))
    };
    let users: Vec<Option<u64>> = steps.iter().map(|step| count(step, 0)).collect();
    let before = std::iter::once(None).chain(users.iter().copied());
    let lost = before.zip(&users).map(|(before, now)| Some(before?.saturating_sub((*now)?)));
    let share = |name| steps.iter().map(move |step| text(ratio(step, name, 0), |v| percent(v, 1)));
    let time = |name| steps.iter().map(move |step| text(ratio(step, name, 0), duration));
    // Step 1 has none before it: what an answer says of it there would be no news.
    let previous = share("rate_from_previous").enumerate();
    let previous = previous.map(|(at, tile)| if at == 0 { Tile::null() } else { tile });
    let mut strips = vec![
        Strip::new("step", steps.iter().map(label)),
        Strip::new("users", users.iter().map(|&users| Tile::number(users))),
        Strip::new("from first", share("rate_from_first")),
        Strip::new("from previous", previous),
        Strip::new("lost", lost.map(Tile::number)),
        Strip::new("median", time("median_s")),
    ];
    let first = users.first().copied().flatten().unwrap_or_default().max(1) as f64;
    let lengths: Vec<f64> =
        users.iter().map(|users| users.unwrap_or_default() as f64 / first).collect();
    strips.extend(bars(&strips, "", &lengths, style));
    draw(&strips, style)
}

/// How long the way from entry to the last step took.
fn whole_run(steps: &[FunnelStep]) -> String {
    let Some(last) = steps.last().filter(|_| steps.len() > 1) else { return String::new() };
    let part = |(words, name): (&str, &str)| {
        ratio(last, name, 0).map(|seconds| format!("{words} {}", duration(seconds)))
    };
    let parts =
        [("median", "total_median_s"), ("mean", "total_mean_s"), ("p90", "total_p90_s")].map(part);
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("from the first step to the last: {}\n", parts.join(", ")),
    }
}

/// Users by the time of their whole run.
fn times(bins: &[DurationBin], style: &Style) -> String {
    let users: Vec<Option<u64>> = bins.iter().map(|bin| first_count(&bin.users)).collect();
    let Some(last) = users.iter().rposition(|users| users.is_some_and(|users| users > 0)) else {
        return String::new();
    };
    let label = |bin: &DurationBin| match bin.to_s {
        Some(to) => format!("{} to {}", duration(bin.from_s), duration(to)),
        None => format!("{} or more", duration(bin.from_s)),
    };
    let first = users.iter().position(|users| users.is_some_and(|n| n > 0)).unwrap_or_default();
    let labels = bins.iter().take(last + 1).skip(first).map(|bin| Tile::plain(label(bin)));
    let shown = users.get(first..=last).unwrap_or_default();
    format!("\n{}", histogram("time", labels, shown, style))
}

/// A row per bucket of entry: users of each step, and how many of the first reached the last.
fn trend(buckets: &[BucketInfo], steps: &[FunnelStep], style: &Style) -> String {
    let step = |step: &FunnelStep| {
        let heading = format!("{} {}", step.step, name(&spoken(&step.event)));
        Strip::new(&heading, (0..buckets.len()).map(|at| Tile::number(count(step, at))))
    };
    let mut strips: Vec<Strip> = steps.iter().map(step).collect();
    if let Some(last) = steps.last() {
        let rates: Vec<Option<f64>> =
            (0..buckets.len()).map(|at| ratio(last, "rate_from_first", at)).collect();
        let cells = rates.iter().map(|rate| text(*rate, |rate| percent(rate, 1)));
        strips.push(Strip::new("converted", cells));
        strips.insert(0, starts(buckets));
        let shares: Vec<f64> = rates.iter().map(|rate| rate.unwrap_or_default()).collect();
        strips.extend(bars(&strips, "", &shares, style));
    }
    match strips.split_first() {
        Some((starts, strips)) if !strips.is_empty() => below_each_other(starts, strips, style),
        _ => String::new(),
    }
}

fn text(value: Option<f64>, shown: impl Fn(f64) -> String) -> Tile {
    value.map_or_else(Tile::null, |value| Tile::plain(shown(value)))
}

fn column<'a>(step: &'a FunnelStep, name: &str) -> Option<&'a Column> {
    step.columns.iter().find(|(known, _)| *known == name).map(|(_, column)| column)
}

fn count(step: &FunnelStep, at: usize) -> Option<u64> {
    match column(step, "users")? {
        Column::Counts(values) => values.get(at).copied().flatten(),
        _ => None,
    }
}

fn first_count(column: &Column) -> Option<u64> {
    match column {
        Column::Counts(values) => values.first().copied().flatten(),
        _ => None,
    }
}

fn ratio(step: &FunnelStep, name: &str, at: usize) -> Option<f64> {
    match column(step, name)? {
        Column::Ratios(values) => values.get(at).copied().flatten(),
        _ => None,
    }
}
