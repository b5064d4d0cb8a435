//! Answers as tables for people, and records as CSV for machines.

mod columns;
mod funnel;
mod grid;
mod paths;
mod retention;
#[cfg(test)]
mod tests;
mod text;

use columns::{render_columns, render_frequency, render_groups, render_users};
use daybit::{Answer, Figures, Info, Partial, Query, Series, Table, Value};
use funnel::render_funnel;
use grid::dim;
use paths::render_paths;
use retention::{render_amounts, render_retention};
pub use text::{grouped, visible};

/// What the reader's side can show.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Colours and dim letters.
    pub colour: bool,
    /// Characters of a line.
    pub width: usize,
}

/// What a table needs to know of the query beside its answer.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Where one class of durations ends and the next begins, like `30s`.
    edges: Vec<String>,
    /// Paths lead to an event, not from it.
    backwards: bool,
    /// The value is a share.
    share: bool,
}

impl Asked {
    /// What tables show of this query.
    pub fn of(query: &Query) -> Asked {
        let query = query.to_json();
        let texts = query["duration_edges"].as_array().into_iter().flatten();
        Asked {
            edges: texts.filter_map(|edge| Some(edge.as_str()?.to_string())).collect(),
            backwards: !query["end"].is_null(),
            share: query["measure"] == "share",
        }
    }

    /// The durations of a class.
    fn class(&self, at: usize) -> Option<String> {
        let below = self.edges.get(at);
        match (at.checked_sub(1).and_then(|at| self.edges.get(at)), below) {
            (None, Some(to)) => Some(format!("under {to}")),
            (Some(from), Some(to)) => Some(format!("{from} to {to}")),
            (Some(from), None) => Some(format!("{from} or more")),
            (None, None) => None,
        }
    }
}

/// The answer as text: tables with aligned numbers, a heat map for retention, bars, and a last
/// line with the range. Warnings are the caller's to print. What an answer leaves out comes before
/// its figures.
pub fn render(answer: &Answer, asked: &Asked, style: &Style) -> String {
    let partial = answer.info.partial.as_ref().map(partial_line);
    let partial = partial.map_or_else(String::new, |line| format!("{line}\n\n"));
    partial + &render_whole(answer, asked, style)
}

/// Says that an answer is not whole, and what it leaves out.
pub fn partial_line(partial: &Partial) -> String {
    let days: Vec<String> = partial.days.iter().map(ToString::to_string).collect();
    let (what, are) = if days.len() == 1 { ("day", "is") } else { ("days", "are") };
    format!(
        "PARTIAL ANSWER: {} {what} {are} left out, damaged in {}: {}",
        days.len(),
        partial.files.join(", "),
        days.join(", ")
    )
}

fn render_whole(answer: &Answer, asked: &Asked, style: &Style) -> String {
    let series = |series| render_series(answer, series, asked, style);
    if answer.series.is_empty() {
        let names = answer.to_table().columns;
        let head = names.iter().map(|column| text::name(column)).collect::<Vec<_>>().join("  ");
        return format!("{}\nnothing was found\n{}\n", dim(&head, style), last_line(answer, style));
    }
    let mut text = render_groups(answer, asked, style)
        .unwrap_or_else(|| answer.series.iter().map(series).collect::<Vec<_>>().join("\n"));
    if incomplete(answer) {
        text.push_str("* not over yet: the figure may change\n");
    }
    // Without a range people are everyone ever, which needs no words.
    match answer.info.from {
        Some(_) => text + &last_line(answer, style) + "\n",
        None => text,
    }
}

/// Records as RFC 4180: a header, a line per row, nothing for null, `""` for an empty text.
pub fn render_rows_csv(table: &Table) -> String {
    let line = |cells: Vec<String>| cells.join(",") + "\n";
    let cell = |value: &Option<Value>| value.as_ref().map_or_else(String::new, csv_cell);
    let header = table.columns.iter().map(|name| csv_text(name)).collect();
    let rows = table.rows.iter().map(|row| line(row.iter().map(cell).collect()));
    std::iter::once(line(header)).chain(rows).collect()
}

fn csv_cell(value: &Value) -> String {
    match value {
        Value::Text(text) => csv_text(text),
        value => value.to_string(),
    }
}

/// In quotes where it is empty, or a reader could take a part of it for something else.
fn csv_text(text: &str) -> String {
    match text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

fn render_series(answer: &Answer, series: &Series, asked: &Asked, style: &Style) -> String {
    let buckets = &answer.buckets;
    let figures = match &series.figures {
        Figures::Columns(columns) => render_columns(buckets, columns, asked, style),
        Figures::Frequency(users) => render_frequency(users, style),
        Figures::Retention { cohorts, average } => render_retention(cohorts, average, style),
        Figures::AmountRetention { cohorts, average } => render_amounts(cohorts, average, style),
        Figures::Funnel { by_bucket, steps, histogram } => {
            render_funnel(buckets, *by_bucket, steps, histogram, style)
        }
        Figures::Paths(links) => render_paths(links, asked.backwards, style),
        Figures::Count(1) => "1 user\n".to_string(),
        Figures::Count(count) => format!("{} users\n", grouped(*count)),
        Figures::Users { ids, columns, next } => {
            render_users(ids, columns, next.as_deref(), asked, style)
        }
        _ => "a report without a table: use --format json\n".to_string(),
    };
    heading(answer, series) + &figures
}

/// The breakdown's group; nothing without a breakdown.
fn heading(answer: &Answer, series: &Series) -> String {
    let part = |(name, value): (String, String)| match name.as_str() {
        "" => value,
        _ => format!("{name}: {value}"),
    };
    let parts: Vec<String> = group(answer, series).map(part).collect();
    if parts.is_empty() { String::new() } else { parts.join(", ") + "\n" }
}

/// Names and values of a series' key, in the order asked for; the rest has no name.
fn group<'a>(
    answer: &'a Answer,
    series: &'a Series,
) -> impl Iterator<Item = (String, String)> + 'a {
    let names = answer.keys.iter().filter(|name| !(series.other && *name == "other"));
    let named = names.filter_map(|name| {
        let value = match series.key.get(name)? {
            Some(value) => text::name(&value.to_string()),
            None => "null".to_string(),
        };
        Some((text::name(name), value))
    });
    named.chain(series.other.then(|| (String::new(), "(other)".to_string())))
}

/// Whether a star is shown.
fn incomplete(answer: &Answer) -> bool {
    let begun = answer.buckets.iter().any(|bucket| !bucket.complete);
    answer.series.iter().any(|series| match &series.figures {
        Figures::Columns(_) | Figures::Funnel { .. } => begun,
        Figures::Retention { cohorts, .. } => cohorts.iter().any(|cohort| {
            let mut cells = cohort.complete.iter().enumerate();
            cells.any(|(column, complete)| !complete && cohort.rate(column).is_some())
        }),
        Figures::AmountRetention { cohorts, .. } => cohorts.iter().any(|cohort| {
            let mut cells = cohort.complete.iter().zip(&cohort.returned);
            cells.any(|(complete, amount)| !complete && amount.is_some())
        }),
        _ => false,
    })
}

/// What the figures rest on, in a line.
fn last_line(answer: &Answer, style: &Style) -> String {
    dim(&range(&answer.info), style)
}

fn range(info: &Info) -> String {
    let week = match info.week_start {
        "monday" => String::new(),
        day => format!(", weeks from {day}"),
    };
    let Info { from, to, time_zone, as_of, .. } = info;
    let range = match (from, to) {
        (Some(from), Some(to)) => format!("from {from} to {to}"),
        _ => "over all history".to_string(),
    };
    format!("{range} ({time_zone}{week}), as of {as_of}")
}
