//! The report commands: flags become the JSON of a query, which is checked where every query is.

use super::args::{
    ActiveArgs, CommonArgs, CountArgs, EventArgs, Format, FrequencyArgs, GrowthArgs, QueryArgs,
    ReportCommand, RetentionArgs, StatesArgs, StickinessArgs, UsersArgs,
};
use super::failure::{Failure, exit_code};
use super::output::{print, say};
use daybit::{Answer, Db, Queries, Query, queries_from_json};
use serde_json::{Map, Value as Json, json};
use std::io::Read;

/// A query being filled from flags; flags that were not given leave their field out.
struct Fields(Map<String, Json>);

impl Fields {
    fn of(report: &str, common: &CommonArgs) -> Result<Fields, Failure> {
        let mut fields = Fields(Map::new());
        fields.set("report", Some(report));
        fields.set("from", common.from.as_deref());
        fields.set("to", common.to.as_deref());
        fields.set("time_zone", common.time_zone.as_deref());
        fields.set("week_start", common.week_start.as_deref());
        fields.set("as_of", common.as_of.as_deref());
        fields.set("top", common.top);
        fields.list("breakdown", &common.breakdown);
        if let Some(set) = &common.users {
            let set = serde_json::from_str(set).map_err(|e| {
                Failure::input(format!(
                    "--users is not JSON ({e}); try '{{\"did\": \"purchase\"}}'"
                ))
            })?;
            fields.set("users", Some::<Json>(set));
        }
        Ok(fields)
    }

    fn set(&mut self, name: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.0.insert(name.to_string(), value.into());
        }
    }

    fn list<T: Clone + Into<Json>>(&mut self, name: &str, values: &[T]) {
        if !values.is_empty() {
            self.set(name, Some(values.to_vec()));
        }
    }

    /// A selector: one name, any of several, with the conditions of `--where`.
    fn selector(
        &mut self,
        name: &str,
        names: &[String],
        conditions: &[String],
    ) -> Result<(), Failure> {
        let event = match names {
            [] if conditions.is_empty() => return Ok(()),
            [] => json!("*"),
            [one] => json!(one),
            several => json!({"any": several}),
        };
        let selector = if conditions.is_empty() {
            event
        } else {
            let conditions =
                conditions.iter().map(|c| condition(c)).collect::<Result<Vec<_>, _>>()?;
            json!({"event": event, "where": conditions})
        };
        self.set(name, Some(selector));
        Ok(())
    }

    fn event(&mut self, event: &EventArgs, common: &CommonArgs) -> Result<(), Failure> {
        self.selector("event", &event.event, &common.conditions)
    }

    fn ask(self, common: &CommonArgs) -> Result<u8, Failure> {
        let query = Query::from_value(&Json::Object(self.0))?;
        let db = Db::open_read_only(&common.db)?;
        print(&db.query(&query)?, common.format)?;
        Ok(0)
    }
}

/// `country=DE`.
fn condition(text: &str) -> Result<Json, Failure> {
    match text.split_once('=') {
        Some((property, value)) => Ok(json!({"property": property, "is": value})),
        None => Err(Failure::input(format!("--where {text:?} is not NAME=VALUE, like country=DE"))),
    }
}

/// Answers one report command.
pub fn report(command: &ReportCommand) -> Result<u8, Failure> {
    match command {
        ReportCommand::Active(args) => active(args),
        ReportCommand::Frequency(args) => frequency(args),
        ReportCommand::Stickiness(args) => stickiness(args),
        ReportCommand::Growth(args) => growth(args),
        ReportCommand::States(args) => states(args),
        ReportCommand::Retention(args) => retention(args),
        ReportCommand::Count(args) => count(args),
        ReportCommand::Users(args) => users(args),
    }
}

fn active(args: &ActiveArgs) -> Result<u8, Failure> {
    let mut fields = Fields::of("active", &args.common)?;
    fields.event(&args.event, &args.common)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("trailing", args.trailing);
    fields.ask(&args.common)
}

fn frequency(args: &FrequencyArgs) -> Result<u8, Failure> {
    let mut fields = Fields::of("frequency", &args.common)?;
    fields.event(&args.event, &args.common)?;
    fields.set("interval", args.interval.as_deref());
    fields.set("at_least", args.at_least);
    fields.set("at_most", args.at_most);
    fields.ask(&args.common)
}

fn stickiness(args: &StickinessArgs) -> Result<u8, Failure> {
    let mut fields = Fields::of("stickiness", &args.common)?;
    fields.event(&args.event, &args.common)?;
    fields.set("by", args.by.by.as_deref());
    let trailing = args.trailing.as_deref().map(|text| match text.parse::<u32>() {
        Ok(days) => json!(days),
        Err(_) if text == "none" => Json::Null,
        Err(_) => json!(text),
    });
    fields.set("trailing", trailing);
    fields.ask(&args.common)
}

fn growth(args: &GrowthArgs) -> Result<u8, Failure> {
    let mut fields = Fields::of("growth", &args.common)?;
    fields.event(&args.event, &args.common)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("gap", args.gap);
    fields.set("trailing", args.trailing);
    fields.set("new_means", args.new_means.as_deref());
    fields.set("property", args.property.as_deref());
    fields.ask(&args.common)
}

fn states(args: &StatesArgs) -> Result<u8, Failure> {
    let mut fields = Fields::of("states", &args.common)?;
    fields.event(&args.event, &args.common)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("week", args.week);
    fields.set("month", args.month);
    fields.ask(&args.common)
}

fn retention(args: &RetentionArgs) -> Result<u8, Failure> {
    let mut fields = Fields::of("retention", &args.common)?;
    fields.selector("start", &args.start, &args.common.conditions)?;
    fields.selector("return", &args.returning, &[])?;
    fields.set("by", args.by.by.as_deref());
    fields.set("columns", args.columns);
    fields.set("cohort", args.cohort.as_deref());
    fields.set("count", args.count.as_deref());
    fields.list("brackets", &args.brackets);
    fields.set("window", args.window.as_deref());
    fields.set("at_least", args.at_least);
    fields.set("property", args.property.as_deref());
    fields.ask(&args.common)
}

fn count(args: &CountArgs) -> Result<u8, Failure> {
    Fields::of("count", &args.common)?.ask(&args.common)
}

fn users(args: &UsersArgs) -> Result<u8, Failure> {
    let mut fields = Fields::of("users", &args.common)?;
    fields.set("limit", args.limit);
    fields.set("after", args.after.as_deref());
    fields.list("with", &args.with);
    fields.set("order_by", args.order_by.as_deref());
    fields.set("descending", args.descending.then_some(true));
    fields.ask(&args.common)
}

/// `daybit query`: the JSON itself.
pub fn query(args: &QueryArgs) -> Result<u8, Failure> {
    let text = if args.query == "-" { standard_input()? } else { args.query.clone() };
    let db = Db::open_read_only(&args.db)?;
    match queries_from_json(&text)? {
        Queries::One(query) => print(&db.query(&query)?, args.format)?,
        Queries::Many(queries) if args.format == Format::Json => return several(&db, queries),
        Queries::Many(_) => {
            return Err(Failure::input(
                "several queries at once are answered as --format json only",
            ));
        }
    }
    Ok(0)
}

fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let limit = u64::try_from(daybit::limits::QUERY_BYTES_MAX).unwrap_or(u64::MAX);
    std::io::stdin().lock().take(limit + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// An array is answered by an array: each query alone may fail, in its place.
fn several(db: &Db, parsed: Vec<Result<Query, daybit::Error>>) -> Result<u8, Failure> {
    let good: Vec<Query> = parsed.iter().filter_map(|q| q.as_ref().ok().cloned()).collect();
    let mut answers = db.query_many(&good)?.into_iter();
    let mut code = 0;
    let mut parts = Vec::new();
    for query in parsed {
        let answer = match query {
            Ok(_) => answers.next(),
            Err(error) => Some(Err(error)),
        };
        if let Some(Err(error)) = &answer {
            code = code.max(exit_code(error.kind()));
        }
        parts.extend(answer.map(in_its_place));
    }
    say(&format!("[{}]\n", parts.join(",\n ")))?;
    Ok(code)
}

fn in_its_place(answer: Result<Answer, daybit::Error>) -> String {
    match answer {
        Ok(answer) => answer.to_json_string(),
        Err(error) => json!({"error": error.to_string()}).to_string(),
    }
}
