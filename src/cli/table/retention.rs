//! The triangle: a row per cohort, a column per bucket after it.

use super::Style;
use super::grid::{Look, Strip, Tile, draw, fitting_in, total};
use super::text::{amount, percent};
use daybit::{AmountAverage, AmountCohort, Average, BucketStart, Cohort, Value};

/// People, as shares of the cohort, shaded by rate.
pub fn render_retention(cohorts: &[Cohort], average: &[Average], style: &Style) -> String {
    let count = cohorts.iter().map(|cohort| cohort.returned.len()).max().unwrap_or_default();
    let fixed = labels(cohorts.iter().map(|cohort| (cohort.start, cohort.size)));
    let deepest =
        deepest(cohorts.iter().flat_map(|cohort| {
            (1..cohort.returned.len()).filter_map(|column| cohort.rate(column))
        }));
    let cells = |digits| -> Vec<Strip> {
        (0..count).map(|column| people_strip(cohorts, average, column, deepest, digits)).collect()
    };
    let precise = cells(1);
    let room = style.width.saturating_sub(total(&fixed));
    let strips = if total(&precise) + 2 <= room { precise } else { cells(0) };
    triangle(&fixed, &strips, style)
}

/// Amounts added up, shaded by the amount per person; the average row is per person.
pub fn render_amounts(
    cohorts: &[AmountCohort],
    average: &[AmountAverage],
    style: &Style,
) -> String {
    let count = cohorts.iter().map(|cohort| cohort.returned.len()).max().unwrap_or_default();
    let mut fixed = labels(cohorts.iter().map(|cohort| (cohort.start, cohort.size)));
    if let Some(last) = fixed.first_mut().and_then(|labels| labels.tiles.last_mut()) {
        last.text = "per person".to_string();
    }
    let deepest =
        deepest(cohorts.iter().flat_map(|cohort| {
            (1..cohort.returned.len()).filter_map(|column| cohort.rate(column))
        }));
    let strips: Vec<Strip> =
        (0..count).map(|column| amount_strip(cohorts, average, column, deepest)).collect();
    triangle(&fixed, &strips, style)
}

/// The cohorts and their sizes, with a last row for the average.
fn labels(cohorts: impl Iterator<Item = (BucketStart, Option<u64>)>) -> [Strip; 2] {
    let (mut starts, mut sizes): (Vec<Tile>, Vec<Tile>) =
        cohorts.map(|(start, size)| (Tile::plain(start.to_string()), Tile::number(size))).unzip();
    starts.push(Tile::plain("average".to_string()));
    sizes.push(Tile::plain(String::new()));
    [Strip::new("cohort", starts), Strip::new("size", sizes)]
}

fn triangle(fixed: &[Strip], strips: &[Strip], style: &Style) -> String {
    let fit = fitting_in(strips, style.width.saturating_sub(total(fixed)));
    let shown = strips.get(..fit).unwrap_or_default();
    let text = draw(fixed.iter().chain(shown), style);
    if fit == strips.len() {
        return text;
    }
    format!("{text}the columns from {fit} on do not fit into {} characters\n", style.width)
}

fn people_strip(
    cohorts: &[Cohort],
    average: &[Average],
    column: usize,
    deepest: f64,
    digits: usize,
) -> Strip {
    let cell = |cohort: &Cohort| match cohort.rate(column) {
        None => unknown(),
        Some(rate) => {
            let complete = cohort.complete.get(column).copied().unwrap_or(false);
            Tile {
                look: Look::Heat(rate / deepest),
                ..Tile::marked(percent(rate, digits), complete)
            }
        }
    };
    let mut strip = Strip::new(&format!("{column} "), cohorts.iter().map(cell));
    let rate = average.get(column).and_then(|average| average.rate);
    let mean = rate.map_or_else(unknown, |rate| Tile::marked(percent(rate, digits), true));
    strip.tiles.push(mean);
    strip
}

fn amount_strip(
    cohorts: &[AmountCohort],
    average: &[AmountAverage],
    column: usize,
    deepest: f64,
) -> Strip {
    let cell = |cohort: &AmountCohort| match cohort.returned.get(column).and_then(Option::as_ref) {
        None => unknown(),
        Some(value) => {
            let complete = cohort.complete.get(column).copied().unwrap_or(false);
            let heat = cohort.rate(column).unwrap_or_default() / deepest;
            Tile { look: Look::Heat(heat), ..Tile::marked(amount(value), complete) }
        }
    };
    let rate = average.get(column).and_then(|average| average.rate);
    let mean = rate.map_or_else(unknown, |rate| Tile::marked(amount(&Value::Float(rate)), true));
    Strip::on_the_point(&format!("{column} "), cohorts.iter().map(cell).chain([mean]))
}

fn unknown() -> Tile {
    let tile = Tile::null();
    Tile { text: tile.text + " ", ..tile }
}

/// The highest rate after column 0, which is nearly everybody and would pale the rest.
fn deepest(rates: impl Iterator<Item = f64>) -> f64 {
    rates.fold(0.0, f64::max)
}
