//! A row per bucket, per number of intervals, per user.

use super::grid::{Strip, Tile, bars, below_each_other, dim, draw};
use super::text::{amount, duration, name, percent, ratio, size, visible};
use super::{Asked, Style, group};
use daybit::{Answer, BucketInfo, Column, Figures};

/// A row per bucket. What does not fit beside each other goes below, with the buckets again.
pub fn render_columns(
    buckets: &[BucketInfo],
    columns: &[(&str, Column)],
    asked: &Asked,
    style: &Style,
) -> String {
    let mut strips = vec![starts(buckets)];
    strips.extend(columns.iter().flat_map(|(name, column)| figures(name, column, asked)));
    if let Some((name, first)) = columns.first() {
        let heading = if columns.len() > 1 { heading(name) } else { "" };
        strips.extend(bars(&strips, heading, &shares(first), style));
    }
    match strips.split_first() {
        Some((starts, strips)) if !strips.is_empty() => below_each_other(starts, strips, style),
        _ => String::new(),
    }
}

/// The groups of a report with one column beside each other; `None` for other reports.
pub fn render_groups(answer: &Answer, asked: &Asked, style: &Style) -> Option<String> {
    if answer.keys.is_empty() || answer.series.is_empty() {
        return None;
    }
    let mut strips = Vec::with_capacity(answer.series.len());
    let mut measured = "";
    for series in &answer.series {
        let Figures::Columns(columns) = &series.figures else { return None };
        let [(name, column @ (Column::Counts(_) | Column::Ratios(_) | Column::Amounts(_)))] =
            columns.as_slice()
        else {
            return None;
        };
        measured = *name;
        strips.extend(figures(name, column, asked).into_iter().map(|strip| {
            let values: Vec<String> = group(answer, series).map(|(_, value)| value).collect();
            Strip { heading: values.join(", "), ..strip }
        }));
    }
    let names: Vec<String> = answer.keys.iter().map(|key| name(key)).collect();
    let table = below_each_other(&starts(&answer.buckets), &strips, style);
    Some(format!("{measured} by {}\n{table}", names.join(", ")))
}

/// A row per number of intervals, up to the last that anybody reached.
pub fn render_frequency(users: &[u64], style: &Style) -> String {
    let reached = users.iter().rposition(|&users| users > 0).map_or(0, |last| last + 1);
    let shown = users.get(..reached).unwrap_or_default();
    let digits = reached.to_string().len();
    let labels = (1..=reached).map(|k| Tile::plain(format!("{k:>digits$}")));
    let text = histogram("k", labels, &shown.iter().map(|&n| Some(n)).collect::<Vec<_>>(), style);
    match users.len() - reached {
        0 => text,
        _ => format!("{text}nobody on {} or more (of {})\n", reached + 1, users.len()),
    }
}

/// Users by class, each with its share of all.
pub fn histogram(
    heading: &str,
    labels: impl IntoIterator<Item = Tile>,
    users: &[Option<u64>],
    style: &Style,
) -> String {
    let sum = users.iter().flatten().sum::<u64>().max(1) as f64;
    let most = users.iter().flatten().copied().max().unwrap_or_default().max(1) as f64;
    let share = |n: &Option<u64>, of: f64| n.unwrap_or_default() as f64 / of;
    let mut strips = vec![
        Strip::new(heading, labels),
        Strip::new("users", users.iter().map(|&n| Tile::number(n))),
        Strip::new("share", users.iter().map(|n| Tile::plain(percent(share(n, sum), 1)))),
    ];
    let lengths: Vec<f64> = users.iter().map(|n| share(n, most)).collect();
    strips.extend(bars(&strips, "", &lengths, style));
    draw(&strips, style)
}

/// A line per id; with columns a table.
pub fn render_users(
    ids: &[String],
    columns: &[(&str, Column)],
    next: Option<&str>,
    asked: &Asked,
    style: &Style,
) -> String {
    let mut text = if columns.is_empty() {
        ids.iter().map(|id| visible(id) + "\n").collect()
    } else {
        let ids = Strip::new("id", ids.iter().map(|id| Tile::plain(visible(id))));
        let strips: Vec<Strip> =
            columns.iter().flat_map(|(name, column)| figures(name, column, asked)).collect();
        below_each_other(&ids, &strips, style)
    };
    if let Some(next) = next {
        text.push_str(&dim(&format!("more follow: --after {next:?}"), style));
        text.push('\n');
    }
    text
}

/// The buckets, those that are not over with a star.
pub fn starts(buckets: &[BucketInfo]) -> Strip {
    let label = |bucket: &BucketInfo| Tile::marked(bucket.start.to_string(), bucket.complete);
    Strip::new("start", buckets.iter().map(label))
}

/// The cells of one column, a row per bucket; of classes a column each.
fn figures(name: &str, column: &Column, asked: &Asked) -> Vec<Strip> {
    let seconds = name.ends_with("_s");
    let name = heading(name);
    let or_null = |text: Option<String>| text.map_or_else(Tile::null, Tile::plain);
    vec![match column {
        Column::Counts(values) => Strip::new(name, values.iter().map(|&n| Tile::number(n))),
        Column::Ratios(values) if seconds => {
            Strip::new(name, values.iter().map(|value| or_null(value.map(duration))))
        }
        Column::Ratios(values) => {
            let kind = if asked.share { "share" } else { name };
            Strip::new(name, values.iter().map(|value| or_null(value.map(|v| ratio(kind, v)))))
        }
        Column::Amounts(values) => {
            let cells = values.iter().map(|value| or_null(value.as_ref().map(amount)));
            Strip::on_the_point(name, cells)
        }
        Column::Instants(values) => Strip::new(name, values.iter().cloned().map(or_null)),
        Column::Classes(classes) => {
            let label = |at: usize| asked.class(at).unwrap_or_else(|| format!("{name} {}", at + 1));
            let strip = |(at, class): (usize, &Vec<Option<u64>>)| {
                Strip::new(&label(at), class.iter().map(|&n| Tile::number(n)))
            };
            return classes.iter().enumerate().map(strip).collect();
        }
        _ => return Vec::new(),
    }]
}

/// A column's name; its unit shows in its cells.
fn heading(name: &str) -> &str {
    name.strip_suffix("_s").unwrap_or(name)
}

/// The shares of a column's largest figure.
fn shares(column: &Column) -> Vec<f64> {
    let values: Vec<f64> = match column {
        Column::Counts(values) => values.iter().map(|v| v.unwrap_or_default() as f64).collect(),
        Column::Ratios(values) => values.iter().map(|v| v.unwrap_or_default()).collect(),
        Column::Amounts(values) => values.iter().map(|v| v.as_ref().map_or(0.0, size)).collect(),
        _ => Vec::new(),
    };
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    values.into_iter().map(|value| value / most).collect()
}
