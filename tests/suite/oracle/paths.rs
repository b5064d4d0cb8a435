//! Paths: which event follows which, step by step.

use super::calendar::duration_us;
use super::{Asked, Event, matches};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

type Link<'a> = (Option<&'a str>, Option<&'a str>);

pub fn paths(asked: &Asked) -> Json {
    let depth = asked.number("depth").unwrap_or(5);
    let top = asked.number("top").unwrap_or(25);
    let paths: Vec<(&Event, Vec<Link>)> =
        asked.oracle.everyone().iter().filter_map(|user| path(asked, user, depth)).collect();
    let seen = paths.iter().map(|(e, _)| (asked.group(e), e.who().to_string()));
    asked.groups(seen).series(|class| {
        let mut steps: Vec<BTreeMap<Link, usize>> = vec![BTreeMap::new(); depth];
        for (_, links) in paths.iter().filter(|(e, _)| class.holds(&asked.group(e))) {
            for (step, link) in links.iter().enumerate() {
                *steps[step].entry(*link).or_default() += 1;
            }
        }
        let steps = steps.into_iter().zip(1..);
        let links: Vec<Json> = steps.flat_map(|(links, step)| kept(links, step, top)).collect();
        json!({"links": links})
    })
}

/// The event that one person's path hangs on, and its links; the last leads nowhere where the path
/// ends before its depth.
fn path<'a>(asked: &Asked<'a>, user: &str, depth: usize) -> Option<(&'a Event, Vec<Link<'a>>)> {
    let within = duration_us(asked.text("within").unwrap_or("30m"));
    let backwards = asked.query.get("end").is_some();
    let selector = &asked.query[if backwards { "end" } else { "start" }];
    let mut events = asked.events(&json!("*"));
    events.retain(|e| e.who() == user);
    if backwards {
        events.reverse();
    }
    let opens = |e: &&Event| (asked.from..asked.to).contains(&e.at) && matches(selector, e);
    let start = events.iter().position(opens)?;
    let mut links: Vec<Link> = Vec::new();
    for pair in events[start..].windows(2).take(depth) {
        if (pair[1].at - pair[0].at).abs() > within {
            break;
        }
        links.push((Some(&pair[0].activity), Some(&pair[1].activity)));
    }
    if links.len() < depth {
        let last = events[start + links.len()];
        links.push((Some(&last.activity), None));
    }
    if backwards {
        links = links.into_iter().map(|(from, to)| (to, from)).collect();
    }
    Some((events[start], links))
}

/// The links of a step that are shown, and the rest as one.
fn kept(links: BTreeMap<Link, usize>, step: usize, top: usize) -> Vec<Json> {
    let mut links: Vec<(Link, usize)> = links.into_iter().collect();
    links.sort_by_key(|(link, users)| (std::cmp::Reverse(*users), *link));
    let rest: usize = links.iter().skip(top).map(|(_, users)| users).sum();
    let link = |((from, to), users): &(Link, usize)| json!({"step": step, "from": from, "to": to, "users": users});
    let mut shown: Vec<Json> = links.iter().take(top).map(link).collect();
    if rest > 0 {
        let other = json!({"step": step, "from": null, "to": null, "other": true, "users": rest});
        shown.push(other);
    }
    shown
}
