//! The report commands: flags become the JSON of a query, which is checked where every query is.

use super::args::{Format, QueryArgs};
use super::failure::{Failure, exit_code};
use super::fields::Fields;
use super::flags::{
    ActiveArgs, AdoptionArgs, BalanceArgs, CountArgs, FrequencyArgs, FunnelArgs, GrowthArgs,
    PathsArgs, ReportCommand, RetentionArgs, SessionsArgs, StatesArgs, StickinessArgs, SurveyArgs,
    UsersArgs, ValueArgs,
};
use super::output::{print, say};
use super::selector::{exclusion, number};
use daybit::{Answer, Db, Queries, Query, queries_from_json};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::{IsTerminal, Read};

/// Answers one report command.
pub fn report(command: &ReportCommand) -> Result<u8, Failure> {
    match command {
        ReportCommand::Active(args) => active(args),
        ReportCommand::Frequency(args) => frequency(args),
        ReportCommand::Stickiness(args) => stickiness(args),
        ReportCommand::Growth(args) => growth(args),
        ReportCommand::States(args) => states(args),
        ReportCommand::Retention(args) => retention(args),
        ReportCommand::Funnel(args) => funnel(args),
        ReportCommand::Paths(args) => paths(args),
        ReportCommand::Sessions(args) => sessions(args),
        ReportCommand::Value(args) => value(args),
        ReportCommand::Balance(args) => balance(args),
        ReportCommand::Survey(args) => survey(args),
        ReportCommand::Adoption(args) => adoption(args),
        ReportCommand::Count(args) => count(args),
        ReportCommand::Users(args) => users(args),
    }
}

fn active(args: &ActiveArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("active", &args.common)?;
    fields.event(&args.event)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("trailing", args.trailing);
    fields.ask()
}

fn frequency(args: &FrequencyArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("frequency", &args.common)?;
    fields.event(&args.event)?;
    fields.set("interval", args.interval.as_deref());
    fields.set("at_least", args.at_least);
    fields.set("at_most", args.at_most);
    fields.ask()
}

fn stickiness(args: &StickinessArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("stickiness", &args.common)?;
    fields.event(&args.event)?;
    fields.set("by", args.by.by.as_deref());
    fields.or_none("trailing", args.trailing.as_deref());
    fields.ask()
}

fn growth(args: &GrowthArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("growth", &args.common)?;
    fields.event(&args.event)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("gap", args.gap);
    fields.set("trailing", args.trailing);
    fields.set("new_means", args.new_means.as_deref());
    fields.set("property", args.property.as_deref());
    fields.ask()
}

fn states(args: &StatesArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("states", &args.common)?;
    fields.event(&args.event)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("week", args.week);
    fields.set("month", args.month);
    fields.ask()
}

fn retention(args: &RetentionArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("retention", &args.common)?;
    fields.selector("start", "--start", &args.start)?;
    if !args.returning.is_empty() {
        fields.selector("return", "--return", &args.returning)?;
    }
    fields.set("by", args.by.by.as_deref());
    fields.set("columns", args.columns);
    fields.set("cohort", args.cohort.as_deref());
    fields.set("count", args.count.as_deref());
    fields.list("brackets", &args.brackets);
    fields.set("window", args.window.as_deref());
    fields.set("at_least", args.at_least);
    fields.set("property", args.property.as_deref());
    fields.ask()
}

fn funnel(args: &FunnelArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("funnel", &args.common)?;
    fields.selectors("steps", "--step", &args.steps)?;
    fields.set("by", args.by.by.as_deref());
    fields.or_none("within", args.within.as_deref());
    fields.set("order", args.order.as_deref());
    fields.set("ties", args.ties.as_deref());
    let exclude = args.exclude.iter().map(|text| exclusion(text));
    fields.list("exclude", &exclude.collect::<Result<Vec<_>, Failure>>()?);
    fields.ask()
}

fn paths(args: &PathsArgs) -> Result<u8, Failure> {
    let mut fields = Fields::of("paths", &args.common)?.narrowed(&args.narrow)?;
    fields.list("breakdown", &args.breakdown.breakdown);
    fields.set("top", args.top);
    match args.end.is_empty() {
        true => fields.selector("start", "--start", &args.start)?,
        false => fields.selector("end", "--end", &args.end)?,
    }
    fields.set("depth", args.depth);
    fields.set("within", args.within.as_deref());
    fields.ask()
}

fn sessions(args: &SessionsArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("sessions", &args.common)?;
    fields.event(&args.event)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("gap", args.gap.as_deref());
    fields.list("duration_edges", &args.duration_edges);
    fields.ask()
}

fn value(args: &ValueArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("value", &args.common)?;
    fields.event(&args.event)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("measure", args.measure.as_deref());
    fields.set("property", args.property.as_deref());
    if args.measure.as_deref() == Some("share") || !args.of.is_empty() {
        fields.selector("of", "--of", &args.of)?;
    }
    fields.ask()
}

fn balance(args: &BalanceArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("balance", &args.common)?;
    fields.event(&args.event)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("property", args.property.as_deref());
    fields.ask()
}

fn survey(args: &SurveyArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("survey", &args.common)?;
    fields.event(&args.event)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("property", args.property.as_deref());
    fields.set("kind", args.kind.as_deref());
    let scale = args.scale.iter().map(|text| number("--scale", text));
    fields.list("scale", &scale.collect::<Result<Vec<_>, Failure>>()?);
    let answer = |flag, text: &Option<String>| text.as_ref().map(|text| number(flag, text));
    fields.set("promoter_min", answer("--promoter-min", &args.promoter_min).transpose()?);
    fields.set("detractor_max", answer("--detractor-max", &args.detractor_max).transpose()?);
    fields.set("responses", args.responses.as_deref());
    fields.ask()
}

fn adoption(args: &AdoptionArgs) -> Result<u8, Failure> {
    let mut fields = Fields::grouped("adoption", &args.common)?;
    fields.selectors("features", "--feature", &args.features)?;
    fields.set("by", args.by.by.as_deref());
    fields.set("k", args.k);
    fields.selector("among", "--among", &args.among)?;
    fields.ask()
}

fn count(args: &CountArgs) -> Result<u8, Failure> {
    if !args.conditions.is_empty() {
        return Err(Failure::input(
            "count names no event that --where could narrow: put the conditions into --users, like \
             '{\"did\": {\"event\": \"purchase\", \"where\": [...]}}'",
        ));
    }
    Fields::of("count", &args.common)?.ask()
}

fn users(args: &UsersArgs) -> Result<u8, Failure> {
    let mut fields = Fields::of("users", &args.common)?.narrowed(&args.narrow)?;
    fields.event(&args.event)?;
    fields.set("limit", args.limit);
    fields.set("after", args.after.as_deref());
    fields.list("with", &args.with);
    fields.set("property", args.property.as_deref());
    fields.set("order_by", args.order_by.as_deref());
    fields.set("descending", args.descending.then_some(true));
    fields.ask()
}

/// `daybit query`: the JSON itself.
pub fn query(args: &QueryArgs) -> Result<u8, Failure> {
    let text = if args.query == "-" { standard_input()? } else { args.query.clone() };
    let db = Db::open_read_only(&args.db)?;
    match queries_from_json(&text)? {
        Queries::One(query) => print(&db.query(&query)?, &query, args.format)?,
        Queries::Many(queries) if args.format == Format::Json => return several(&db, queries),
        Queries::Many(_) => {
            return Err(Failure::input(
                "several queries at once are answered as --format json only",
            ));
        }
    }
    Ok(0)
}

/// What comes from standard input, up to just above what is read as a query.
pub fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let limit = u64::try_from(daybit::limits::QUERY_BYTES_MAX).unwrap_or(u64::MAX);
    std::io::stdin().lock().take(limit + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// An array is answered by an array: each query alone may fail, in its place.
fn several(db: &Db, parsed: Vec<Result<Query, daybit::Error>>) -> Result<u8, Failure> {
    let good: Vec<Query> = parsed.iter().filter_map(|q| q.as_ref().ok().cloned()).collect();
    let bar = bar();
    let answers = db.query_many_watched(&good, &|done, all| {
        bar.set_length(all);
        bar.set_position(done);
        true
    });
    bar.finish_and_clear();
    let mut answers = answers?.into_iter();
    let (mut code, mut before) = (0, "[");
    if parsed.is_empty() {
        say(before)?;
    }
    for query in parsed {
        let answer = match query {
            Ok(_) => answers.next(),
            Err(error) => Some(Err(error)),
        };
        if let Some(Err(error)) = &answer {
            code = code.max(exit_code(error.kind()));
        }
        if let Some(answer) = answer {
            say(before)?;
            say(&in_its_place(answer))?;
            before = ",\n ";
        }
    }
    say("]\n")?;
    Ok(code)
}

/// Shows how far several queries are, on a terminal only.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("answering {wide_bar} {percent} % {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn in_its_place(answer: Result<Answer, daybit::Error>) -> String {
    match answer {
        Ok(answer) => answer.to_json_string(),
        Err(error) => json!({"error": error.to_string()}).to_string(),
    }
}
