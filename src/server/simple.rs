//! `GET /v1/query?report=active&event=purchase&...`: fields named as in a query, values as the
//! command line takes them.

use super::problem::Problem;
use crate::selector::{conditions, number, selector, set};
use daybit::Query;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Fields that are an event, or any of several.
const EVENTS: [&str; 6] = ["event", "start", "return", "end", "of", "among"];
/// Fields that are a list of events.
const EVENT_LISTS: [&str; 2] = ["steps", "features"];
/// Fields that are a list of texts.
const TEXT_LISTS: [&str; 3] = ["breakdown", "with", "duration_edges"];
/// Fields that are a list of numbers.
const NUMBER_LISTS: [&str; 2] = ["brackets", "scale"];
/// Fields that are a number, or where it does not read as one a text that is checked as such.
const NUMBERS: [&str; 14] = [
    "at_least",
    "at_most",
    "columns",
    "depth",
    "detractor_max",
    "gap",
    "k",
    "limit",
    "month",
    "promoter_min",
    "top",
    "trailing",
    "week",
    "within",
];
/// Fields that are yes or no.
const FLAGS: [&str; 2] = ["allow_partial", "descending"];

/// Name and value, in the order given.
pub type Pairs = Vec<(String, String)>;

/// The names and values after the question mark.
pub fn pairs(text: Option<&str>) -> Result<Pairs, Problem> {
    serde_urlencoded::from_str(text.unwrap_or_default())
        .map_err(|cause| Problem::input(format!("the query string cannot be read: {cause}")))
}

/// Takes the only value of a name out of the pairs.
pub fn taken(pairs: &mut Pairs, name: &str) -> Result<Option<String>, Problem> {
    let mut found = pairs.extract_if(.., |(known, _)| known == name).map(|(_, value)| value);
    match (found.next(), found.count()) {
        (value, 0) => Ok(value),
        (_, more) => Err(Problem::input(format!("{name:?} is given {} times", more + 1))),
    }
}

/// The query that these fields are.
pub fn query(pairs: Pairs) -> Result<Query, Problem> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        texts.entry(name).or_default().push(value);
    }
    let narrowing = texts.remove("where").unwrap_or_default();
    let narrowing = conditions(&narrowing).map_err(input)?;
    if !narrowing.is_empty() && !texts.keys().any(|name| is_selector(name)) {
        let begins = |names: &Vec<String>| names == &["retention"] || names == &["paths"];
        let name = if texts.get("report").is_some_and(begins) { "start" } else { "event" };
        texts.insert(name.to_string(), Vec::new());
    }
    let mut fields = Map::new();
    for (name, values) in &texts {
        if let Some(value) = field(name, values, &narrowing)? {
            fields.insert(name.clone(), value);
        }
    }
    Ok(Query::from_value(&Json::Object(fields))?)
}

fn is_selector(name: &str) -> bool {
    EVENTS.contains(&name) || EVENT_LISTS.contains(&name)
}

fn field(name: &str, values: &[String], narrowing: &[Json]) -> Result<Option<Json>, Problem> {
    if EVENTS.contains(&name) {
        return selector(name, values, narrowing).map_err(input);
    }
    if EVENT_LISTS.contains(&name) {
        let one = |value| selector(name, std::slice::from_ref(value), narrowing);
        let all: Result<Vec<_>, _> = values.iter().map(one).collect();
        return Ok(Some(all.map_err(input)?.into_iter().flatten().collect()));
    }
    if TEXT_LISTS.contains(&name) {
        return Ok(Some(values.to_vec().into()));
    }
    if NUMBER_LISTS.contains(&name) {
        let all: Result<Vec<_>, _> = values.iter().map(|value| number(name, value)).collect();
        return Ok(Some(all.map_err(input)?.into()));
    }
    let [value] = values else {
        return Err(Problem::input(format!("{name:?} is given {} times", values.len())));
    };
    single(name, value).map(Some)
}

fn single(name: &str, value: &str) -> Result<Json, Problem> {
    Ok(match (name, value) {
        ("users", _) => set(name, value).map_err(input)?,
        ("trailing" | "within", "none" | "null") => Json::Null,
        _ if NUMBERS.contains(&name) => number(name, value).unwrap_or_else(|_| value.into()),
        (_, "true" | "false") if FLAGS.contains(&name) => (value == "true").into(),
        _ => value.into(),
    })
}

fn input(failure: crate::failure::Failure) -> Problem {
    Problem::input(failure.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn asked(text: &str) -> Query {
        query(pairs(Some(text)).unwrap()).unwrap()
    }

    fn written(text: &str) -> Query {
        Query::from_json(text).unwrap()
    }

    fn refused(text: &str) -> String {
        format!("{:?}", query(pairs(Some(text)).unwrap()).unwrap_err())
    }

    #[test]
    fn fields_are_those_of_the_json() {
        for (simple, json) in [
            ("report=active", r#"{"report":"active"}"#),
            (
                "report=active&event=purchase&by=month&from=2024-01-01&to=2024-07-01&trailing=none",
                r#"{"report":"active","event":"purchase","by":"month","from":"2024-01-01","to":"2024-07-01"}"#,
            ),
            (
                "report=active&event=a&event=b&breakdown=country&breakdown=plan&top=3",
                r#"{"report":"active","event":{"any":["a","b"]},"breakdown":["country","plan"],"top":3}"#,
            ),
            (
                "report=value&measure=sum&property=price&where=country%3DDE",
                r#"{"report":"value","measure":"sum","property":"price",
                    "event":{"event":"*","where":[{"property":"country","is":"DE"}]}}"#,
            ),
            (
                "report=funnel&steps=visit&steps=buy&within=2d&where=country%3DDE",
                r#"{"report":"funnel","within":"2d","steps":[
                    {"event":"visit","where":[{"property":"country","is":"DE"}]},
                    {"event":"buy","where":[{"property":"country","is":"DE"}]}]}"#,
            ),
            (
                "report=paths&where=country%3DDE",
                r#"{"report":"paths","start":{"event":"*",
                    "where":[{"property":"country","is":"DE"}]}}"#,
            ),
            ("report=sessions&gap=30m", r#"{"report":"sessions","gap":"30m"}"#),
            ("report=growth&gap=2", r#"{"report":"growth","gap":2}"#),
            (
                "report=users&users=@vip&limit=5&after=42&descending=true&order_by=days&with=days",
                r#"{"report":"users","users":{"cohort":"vip"},"limit":5,"after":"42",
                    "descending":true,"order_by":"days","with":["days"]}"#,
            ),
            ("report=stickiness&trailing=null", r#"{"report":"stickiness","trailing":null}"#),
            (
                "report=retention&brackets=1&brackets=7",
                r#"{"report":"retention","brackets":[1,7]}"#,
            ),
        ] {
            assert_eq!(asked(simple), written(json), "{simple}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(refused("report=active&evnt=x").contains("`evnt` is no field"));
        assert!(refused("report=active&report=growth").contains("given 2 times"));
        assert!(refused("report=active&trailing=week").contains("trailing"));
        assert!(refused("report=count&users=everyone").contains("not JSON"));
        assert!(refused("").contains("report"));
    }

    #[test]
    fn one_value_of_a_name_is_taken() {
        let mut all = pairs(Some("format=csv&report=active")).unwrap();
        assert_eq!(taken(&mut all, "format").unwrap(), Some("csv".to_string()));
        assert_eq!(taken(&mut all, "format").unwrap(), None);
        assert_eq!(all.len(), 1);
        let mut twice = pairs(Some("format=csv&format=rows")).unwrap();
        assert!(format!("{:?}", taken(&mut twice, "format")).contains("given 2 times"));
    }
}
