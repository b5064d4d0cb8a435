//! Where words go: answers to standard output, complaints to standard error.

use super::args::Format;
use super::failure::Failure;
use super::table::{Asked, Style, partial_line, render, render_rows_csv};
use daybit::{Answer, Figures, Query};
use std::io::{self, IsTerminal, Write};

pub use super::table::grouped as count;

/// Says what went wrong, or what the asker should know, on standard error.
pub fn complain(message: &str) {
    // Nobody is left to tell when standard error is gone too.
    let _ = writeln!(io::stderr().lock(), "daybit: {message}");
}

/// Writes to standard output; a reader that went away (`| head`) is no failure.
pub fn say(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// So many of something.
pub fn several(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Colour on a terminal, unless `NO_COLOR` says otherwise; as wide as the terminal.
pub fn style() -> Style {
    let terminal = io::stdout().is_terminal();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let width = std::env::var("COLUMNS").ok().and_then(|v| v.parse().ok());
    Style { colour: terminal && !plain, width: width.unwrap_or_else(terminal_width) }
}

fn terminal_width() -> usize {
    comfy_table::Table::new().width().filter(|width| *width > 0).map_or(120, usize::from)
}

/// Prints one answer; warnings go to standard error, since machines read the output.
pub fn print(answer: &Answer, query: &Query, format: Format) -> Result<(), Failure> {
    if format != Format::Json {
        answer.info.warnings.iter().for_each(|w| complain(&format!("note: {w}")));
    }
    if let (Format::Csv | Format::Rows, Some(partial)) = (format, &answer.info.partial) {
        complain(&partial_line(partial));
    }
    if let (Format::Csv | Format::Rows, Some(next)) = (format, next_page(answer)) {
        complain(&format!("note: more users follow: --after {next:?}, or a larger --limit"));
    }
    say(&match format {
        Format::Table => render(answer, &Asked::of(query), &style()),
        Format::Json => format!("{}\n", answer.to_json_string()),
        Format::Csv => render_rows_csv(&answer.to_table()),
        Format::Rows => answer.to_table().to_json_lines(),
    })
}

/// The id after which the next page of a list of users begins.
fn next_page(answer: &Answer) -> Option<&str> {
    answer.series.iter().find_map(|series| match &series.figures {
        Figures::Users { next, .. } => next.as_deref(),
        _ => None,
    })
}

/// Bytes in the largest unit that keeps a digit before the point.
pub fn bytes(number: u64) -> String {
    let (mut value, mut units) = (number as f64, ["B", "KiB", "MiB", "GiB", "TiB"].iter());
    let mut unit = units.next().unwrap_or(&"B");
    while value >= 1024.0 {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / 1024.0, next);
    }
    if *unit == "B" { format!("{number} B") } else { format!("{value:.1} {unit}") }
}
