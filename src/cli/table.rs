//! Answers as tables for people, and records as CSV for machines.

use super::shade::{bar, shade};
use comfy_table::{Attribute, Cell, CellAlignment, Color};
use daybit::{Answer, Average, BucketInfo, Cohort, Column, Figures, Info, Series, Table, Value};

/// What the reader's side can show.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Colours and dim letters.
    pub colour: bool,
    /// Characters of a line.
    pub width: usize,
}

/// The longest bar, and the shortest that is worth showing.
/// Rows of a table: nobody reads more on a terminal, and laying them out takes long.
const ROWS_MAX: usize = 1_000;
const BAR_MAX: usize = 24;
const BAR_MIN: usize = 8;
/// Stands for null: over nobody, or not begun.
const NULL: &str = "·";

/// One cell: its text, and how it is to look.
#[derive(Debug, Clone)]
struct Tile {
    text: String,
    look: Look,
}

#[derive(Debug, Clone, Copy)]
enum Look {
    Plain,
    Dim,
    /// A share of the deepest shade.
    Heat(f64),
    Bar,
}

/// A heading, and a cell for every row.
struct Strip {
    heading: String,
    tiles: Vec<Tile>,
}

/// The answer as text: tables with aligned numbers, a heat map for retention, bars, and a last
/// line with the range. Warnings are the caller's to print.
pub fn render(answer: &Answer, style: &Style) -> String {
    let blocks: Vec<String> =
        answer.series.iter().map(|series| render_series(answer, series, style)).collect();
    let mut text = blocks.join("\n");
    if incomplete(answer) {
        text.push_str("* not over yet: the figure may change\n");
    }
    // Without a range people are counted over all history, which no range of the answer says.
    if ["count", "users"].contains(&answer.report) {
        return text;
    }
    text + &dim(&range(&answer.info), style) + "\n"
}

/// Records as RFC 4180: a header, a line per row, nothing for null.
pub fn render_rows_csv(table: &Table) -> String {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    // Writing to memory does not fail; if it did, there would be nothing to show.
    let header = writer.write_record(&table.columns);
    let rows = table.rows.iter().map(|row| writer.write_record(row.iter().map(text)));
    let written = header.and_then(|()| rows.into_iter().collect::<csv::Result<()>>());
    let bytes = written.ok().and_then(|()| writer.into_inner().ok()).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn render_series(answer: &Answer, series: &Series, style: &Style) -> String {
    let figures = match &series.figures {
        Figures::Columns(columns) => render_columns(&answer.buckets, columns, style),
        Figures::Frequency(users) => render_frequency(users, style),
        Figures::Retention { cohorts, average } => render_retention(cohorts, average, style),
        Figures::Count(count) => format!("{} users\n", grouped(*count)),
        Figures::Users { ids, next, .. } => render_ids(ids, next.as_deref(), style),
        _ => "a report without a table: use --format json\n".to_string(),
    };
    heading(series) + &figures
}

/// The breakdown's group; nothing without a breakdown.
fn heading(series: &Series) -> String {
    let part = |(name, value): (&String, &Option<Value>)| match value {
        Some(value) => format!("{}: {}", visible(name), visible(&value.to_string())),
        None => format!("{}: null", visible(name)),
    };
    let parts: Vec<String> = series.key.iter().map(part).collect();
    if parts.is_empty() { String::new() } else { parts.join(", ") + "\n" }
}

/// A row per bucket. What does not fit beside each other goes below, with the buckets again.
fn render_columns(buckets: &[BucketInfo], columns: &[(&str, Column)], style: &Style) -> String {
    let label = |bucket: &BucketInfo| mark(bucket.start.to_string(), bucket.complete);
    let starts = Strip::new("start", buckets.iter().map(label));
    let mut strips: Vec<Strip> =
        columns.iter().map(|(name, column)| figures(name, column, buckets.len())).collect();
    let taken = total(std::iter::once(&starts).chain(&strips)) + 2;
    let left = style.width.saturating_sub(taken).min(BAR_MAX);
    if let Some((_, first)) = columns.first()
        && left >= BAR_MIN
    {
        strips.push(bars(bar_heading(columns), &shares(first), left));
    }
    let mut blocks = Vec::new();
    let mut rest = strips.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(&starts, rest, style.width));
        blocks.push(draw(std::iter::once(&starts).chain(now), style));
        rest = later;
    }
    blocks.join("\n")
}

/// A row per number of intervals, up to the last that anybody reached.
fn render_frequency(users: &[u64], style: &Style) -> String {
    let reached = users.iter().rposition(|&users| users > 0).map_or(0, |last| last + 1);
    let shown = users.get(..reached).unwrap_or_default();
    let sum = shown.iter().sum::<u64>().max(1) as f64;
    let most = shown.iter().copied().max().unwrap_or_default().max(1) as f64;
    let digits = reached.to_string().len();
    let shares: Vec<f64> = shown.iter().map(|&users| users as f64 / most).collect();
    let mut strips = vec![
        Strip::new("k", (1..=reached).map(|k| Tile::plain(format!("{k:>digits$}")))),
        Strip::new("users", shown.iter().map(|&users| Tile::plain(grouped(users)))),
        Strip::new("share", shown.iter().map(|&users| Tile::plain(percent(users as f64 / sum, 1)))),
    ];
    let left = style.width.saturating_sub(total(&strips) + 2).min(BAR_MAX);
    if left >= BAR_MIN {
        strips.push(bars("", &shares, left));
    }
    let text = draw(&strips, style);
    match users.len() - reached {
        0 => text,
        _ => format!("{text}nobody on {} or more (of {})\n", reached + 1, users.len()),
    }
}

/// The triangle: a row per cohort, a column per bucket after it, shaded by rate.
fn render_retention(cohorts: &[Cohort], average: &[Average], style: &Style) -> String {
    let count = cohorts.iter().map(|cohort| cohort.returned.len()).max().unwrap_or_default();
    let starts = cohorts.iter().map(|cohort| Tile::plain(cohort.start.to_string()));
    let mut fixed = vec![Strip::new("cohort", starts)];
    fixed.push(Strip::new("size", cohorts.iter().map(|cohort| number(cohort.size))));
    if let [labels, sizes] = fixed.as_mut_slice() {
        labels.tiles.push(Tile::plain("average".to_string()));
        sizes.tiles.push(Tile::plain(String::new()));
    }
    let deepest = deepest(cohorts);
    let cells = |digits| -> Vec<Strip> {
        (0..count)
            .map(|column| retention_strip(cohorts, average, column, deepest, digits))
            .collect()
    };
    let precise = cells(1);
    let room = style.width.saturating_sub(total(&fixed));
    let strips = if total(&precise) + 2 <= room { precise } else { cells(0) };
    let fit = fitting_in(&strips, room);
    let shown = strips.get(..fit).unwrap_or_default();
    let text = draw(fixed.iter().chain(shown), style);
    if fit == count {
        return text;
    }
    format!("{text}the columns from {fit} on do not fit into {} characters\n", style.width)
}

fn retention_strip(
    cohorts: &[Cohort],
    average: &[Average],
    column: usize,
    deepest: f64,
    digits: usize,
) -> Strip {
    let unknown = || Tile { text: format!("{NULL} "), look: Look::Dim };
    let cell = |cohort: &Cohort| match cohort.rate(column) {
        None => unknown(),
        Some(rate) => {
            let complete = cohort.complete.get(column).copied().unwrap_or(false);
            Tile { look: Look::Heat(rate / deepest), ..mark(percent(rate, digits), complete) }
        }
    };
    let mut strip = Strip::new(&format!("{column} "), cohorts.iter().map(cell));
    let rate = average.get(column).and_then(|average| average.rate);
    strip.tiles.push(rate.map_or_else(unknown, |rate| mark(percent(rate, digits), true)));
    strip
}

/// The highest rate after column 0, which is nearly everybody and would pale the rest.
fn deepest(cohorts: &[Cohort]) -> f64 {
    let rates = cohorts
        .iter()
        .flat_map(|cohort| (1..cohort.returned.len()).filter_map(|column| cohort.rate(column)));
    rates.fold(0.0, f64::max)
}

fn render_ids(ids: &[String], next: Option<&str>, style: &Style) -> String {
    let mut text: String = ids.iter().map(|id| visible(id) + "\n").collect();
    if let Some(next) = next {
        text.push_str(&dim(&format!("more follow: --after {next:?}"), style));
        text.push('\n');
    }
    text
}

impl Tile {
    fn plain(text: String) -> Tile {
        Tile { text, look: Look::Plain }
    }

    fn null() -> Tile {
        Tile { text: NULL.to_string(), look: Look::Dim }
    }
}

impl Strip {
    fn new(heading: &str, tiles: impl Iterator<Item = Tile>) -> Strip {
        Strip { heading: heading.to_string(), tiles: tiles.collect() }
    }

    fn is_bars(&self) -> bool {
        self.tiles.iter().any(|tile| matches!(tile.look, Look::Bar))
    }

    /// Characters of its widest cell. Every text here has one column a character.
    fn width(&self) -> usize {
        let texts = self.tiles.iter().map(|tile| tile.text.as_str());
        texts.chain([self.heading.as_str()]).map(|t| t.chars().count()).max().unwrap_or_default()
    }
}

/// A star after what is not complete, and as much room after what is.
fn mark(text: String, complete: bool) -> Tile {
    Tile::plain(text + if complete { " " } else { "*" })
}

fn number(value: Option<u64>) -> Tile {
    value.map_or(Tile::null(), |value| Tile::plain(grouped(value)))
}

/// The cells of one column, a row per bucket.
fn figures(name: &str, column: &Column, rows: usize) -> Strip {
    let ratio = |value: &Option<f64>| {
        value.map_or(Tile::null(), |value| Tile::plain(ratio_text(name, value)))
    };
    match column {
        Column::Counts(values) => Strip::new(name, values.iter().map(|&value| number(value))),
        Column::Ratios(values) => Strip::new(name, values.iter().map(ratio)),
        _ => Strip::new(name, (0..rows).map(|_| Tile::null())),
    }
}

/// Shares read as percent, other ratios as numbers.
fn ratio_text(name: &str, value: f64) -> String {
    let share = match name {
        "ratio" | "rate" | "curr" | "nurr" | "rurr" | "surr" => true,
        _ => name.ends_with("_rate") || name.ends_with("_retention"),
    };
    if share {
        return percent(value, 1);
    }
    let text = format!("{value:.2}");
    match text.split_once('.').map(|(whole, part)| (whole.parse::<u64>(), part)) {
        Some((Ok(whole), part)) => format!("{}.{part}", grouped(whole)),
        _ => text,
    }
}

fn percent(share: f64, digits: usize) -> String {
    format!("{:.digits$}%", share * 100.0)
}

/// With a comma after every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        text.push(digit);
        if place > 0 && place % 3 == 0 {
            text.push(',');
        }
    }
    text
}

/// The shares of a column's largest figure.
fn shares(column: &Column) -> Vec<f64> {
    let values: Vec<f64> = match column {
        Column::Counts(values) => values.iter().map(|v| v.unwrap_or_default() as f64).collect(),
        Column::Ratios(values) => values.iter().map(|v| v.unwrap_or_default()).collect(),
        _ => Vec::new(),
    };
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    values.into_iter().map(|value| value / most).collect()
}

/// The column that the bars show, where there are several to choose from.
fn bar_heading<'a>(columns: &[(&'a str, Column)]) -> &'a str {
    match columns {
        [(first, _), _, ..] => first,
        _ => "",
    }
}

fn bars(heading: &str, shares: &[f64], width: usize) -> Strip {
    let tile = |&share: &f64| Tile { text: bar(share, width), look: Look::Bar };
    Strip::new(heading, shares.iter().map(tile))
}

/// Characters of strips beside each other, two between them.
fn total<'a>(strips: impl IntoIterator<Item = &'a Strip>) -> usize {
    let widths = strips.into_iter().map(|strip| strip.width() + 2);
    widths.sum::<usize>().saturating_sub(2)
}

/// How many of the strips fit beside the first, at least one.
fn fitting(first: &Strip, strips: &[Strip], width: usize) -> usize {
    fitting_in(strips, width.saturating_sub(first.width()))
}

fn fitting_in(strips: &[Strip], mut room: usize) -> usize {
    let fits = |strip: &&Strip| {
        let fits = strip.width() + 2 <= room;
        room = room.saturating_sub(strip.width() + 2);
        fits
    };
    strips.iter().take_while(fits).count().max(1).min(strips.len())
}

/// Lays strips beside each other: the first to the left, figures to the right.
fn draw<'a>(strips: impl IntoIterator<Item = &'a Strip>, style: &Style) -> String {
    let strips: Vec<&Strip> = strips.into_iter().collect();
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    if style.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let rows = strips.iter().map(|strip| strip.tiles.len()).max().unwrap_or_default();
    table.add_row(strips.iter().enumerate().map(|(at, strip)| {
        let tile = Tile { text: strip.heading.clone(), look: Look::Dim };
        cell(Some(&tile), at > 0 && !strip.is_bars())
    }));
    let left_out = rows.saturating_sub(ROWS_MAX);
    for row in left_out..rows {
        table.add_row(
            strips
                .iter()
                .enumerate()
                .map(|(at, strip)| cell(strip.tiles.get(row), at > 0 && !strip.is_bars())),
        );
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    let text = table.trim_fmt() + "\n";
    match left_out {
        0 => text,
        _ => format!("{text}the first {left_out} rows are left out: --format csv has all\n"),
    }
}

fn cell(tile: Option<&Tile>, right: bool) -> Cell {
    let Some(tile) = tile else { return Cell::new("") };
    let side = if right { CellAlignment::Right } else { CellAlignment::Left };
    let cell = Cell::new(&tile.text).set_alignment(side);
    match tile.look {
        Look::Plain => cell,
        Look::Dim => cell.add_attribute(Attribute::Dim),
        Look::Bar => cell.fg(Color::AnsiValue(75)),
        Look::Heat(share) => match shade(share) {
            None => cell,
            Some(shade) => {
                cell.bg(Color::AnsiValue(shade.background)).fg(Color::AnsiValue(shade.letters))
            }
        },
    }
}

fn dim(text: &str, style: &Style) -> String {
    if style.colour { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_string() }
}

/// Whether a star is shown.
fn incomplete(answer: &Answer) -> bool {
    let shown = |cohort: &Cohort| {
        let cells = cohort.complete.iter().enumerate();
        cells.into_iter().any(|(column, complete)| !complete && cohort.rate(column).is_some())
    };
    let cohorts = answer.series.iter().flat_map(|series| match &series.figures {
        Figures::Retention { cohorts, .. } => cohorts.as_slice(),
        _ => &[],
    });
    let columns = |series: &Series| matches!(series.figures, Figures::Columns(_));
    let buckets = answer.series.iter().any(columns) && answer.buckets.iter().any(|b| !b.complete);
    buckets || cohorts.into_iter().any(shown)
}

/// What the figures rest on, in a line.
fn range(info: &Info) -> String {
    let week = match info.week_start {
        "monday" => String::new(),
        day => format!(", weeks from {day}"),
    };
    let Info { from, to, time_zone, as_of, .. } = info;
    format!("from {from} to {to} ({time_zone}{week}), as of {as_of}")
}

/// A text that cannot move the cursor or change colours.
fn visible(text: &str) -> String {
    let shown = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests;
