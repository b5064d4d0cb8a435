//! Paths: a tree of steps, the events of each, and where people went from them.

use super::Style;
use super::grid::{Strip, Tile, bars, draw};
use super::text::{name, percent};
use daybit::Link;

/// One line of the tree.
struct Line {
    label: String,
    users: u64,
    /// Of the people of the line that it hangs from; `None` for a line that others hang from.
    share: Option<f64>,
}

/// The links, by step and by the event that they hang from; `backwards`: what came before it.
pub fn render_paths(links: &[Link], backwards: bool, style: &Style) -> String {
    let mut lines = Vec::new();
    for step in links.chunk_by(|a, b| a.step == b.step) {
        push_step(step, backwards, &mut lines);
    }
    let most = lines.iter().map(|line| line.users).max().unwrap_or_default().max(1) as f64;
    let lengths: Vec<f64> = lines.iter().map(|line| line.users as f64 / most).collect();
    let share = |line: &Line| match line.share {
        Some(share) => Tile::plain(percent(share, 1)),
        None => Tile::plain(String::new()),
    };
    let mut strips = vec![
        Strip::new("step", lines.iter().map(|line| Tile::plain(line.label.clone()))),
        Strip::new("users", lines.iter().map(|line| Tile::number(Some(line.users)))),
        Strip::new("share", lines.iter().map(share)),
    ];
    strips.extend(bars(&strips, "", &lengths, style));
    draw(&strips, style)
}

fn push_step(links: &[Link], backwards: bool, lines: &mut Vec<Line>) {
    let all = links.iter().map(|link| link.users).sum();
    if let Some(first) = links.first() {
        lines.push(Line { label: first.step.to_string(), users: all, share: None });
    }
    for (event, links) in by_event(links, backwards) {
        let users = total(&links);
        let label = format!("  {}", event.map_or("(nothing)".to_string(), name));
        lines.push(Line { label, users, share: Some(part(users, all)) });
        for link in links {
            let label = format!("    {}", far(link, backwards));
            lines.push(Line { label, users: link.users, share: Some(part(link.users, users)) });
        }
    }
    for link in links.iter().filter(|link| link.other) {
        let share = Some(part(link.users, all));
        lines.push(Line { label: "  (other)".to_string(), users: link.users, share });
    }
}

/// The links of a step by the event that they hang from, the largest first.
fn by_event(links: &[Link], backwards: bool) -> Vec<(Option<&str>, Vec<&Link>)> {
    let mut events: Vec<(Option<&str>, Vec<&Link>)> = Vec::new();
    for link in links.iter().filter(|link| !link.other) {
        let near = if backwards { link.to.as_deref() } else { link.from.as_deref() };
        match events.iter_mut().find(|(event, _)| *event == near) {
            Some((_, links)) => links.push(link),
            None => events.push((near, vec![link])),
        }
    }
    events.sort_by_key(|(_, links)| std::cmp::Reverse(total(links)));
    events
}

fn total(links: &[&Link]) -> u64 {
    links.iter().map(|link| link.users).sum()
}

/// Where a link leads, or where it came from.
fn far(link: &Link, backwards: bool) -> String {
    match (backwards, &link.from, &link.to) {
        (false, _, Some(to)) => format!("→ {}", name(to)),
        (false, _, None) => "→ (end)".to_string(),
        (true, Some(from), _) => format!("← {}", name(from)),
        (true, None, _) => "← (start)".to_string(),
    }
}

fn part(users: u64, of: u64) -> f64 {
    users as f64 / of.max(1) as f64
}
