//! The flags of the reports: named as the fields of a query.

use super::args::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// How events are named, once for all commands.
const EVENTS: &str = "Events: NAME, `*` (any), NAME[CONDITION], or a selector as JSON.\n\
    Conditions: country=DE  country!=DE  country=in:DE,FR  price>=10  page~shoes (contains)\n\
    page^=/blog (starts with)  coupon (is there)  !coupon (is missing), or a condition as JSON.\n\
    Users: a set as JSON, or @NAME for a saved cohort. Durations: 90s, 30m, 12h, 14d, 2w.";

/// How sets of users are named.
const USERS: &str = "Users: a set as JSON, or @NAME for a saved cohort.";

/// The reports: one command each, flags named as the fields of a query.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Distinct users per bucket, or over the trailing days that end with it.
    #[command(after_help = EVENTS)]
    Active(ActiveArgs),
    /// How many users were active on exactly k days (or weeks, months, hours).
    #[command(after_help = EVENTS)]
    Frequency(FrequencyArgs),
    /// Mean daily actives over the actives of the window.
    #[command(after_help = EVENTS)]
    Stickiness(StickinessArgs),
    /// New, retained, resurrected and churned users per bucket, or their revenue.
    #[command(after_help = EVENTS)]
    Growth(GrowthArgs),
    /// Where every user stands each day: new, current, reactivated, resurrected, at risk, dormant.
    #[command(after_help = EVENTS)]
    States(StatesArgs),
    /// Cohorts, and how many of them came back, or what they paid.
    #[command(after_help = EVENTS)]
    Retention(Box<RetentionArgs>),
    /// How many users went through steps, and where they were lost.
    #[command(after_help = EVENTS)]
    Funnel(Box<FunnelArgs>),
    /// What users did after an event, or before it.
    #[command(after_help = EVENTS)]
    Paths(PathsArgs),
    /// Visits: their number, length, and how many had one event only.
    #[command(after_help = EVENTS)]
    Sessions(SessionsArgs),
    /// Events, sums, means, percentiles and shares per bucket.
    #[command(after_help = EVENTS)]
    Value(ValueArgs),
    /// The last value of each user carried forward, and its movements: recurring revenue.
    #[command(after_help = EVENTS)]
    Balance(BalanceArgs),
    /// Scores of answers: NPS, CSAT, CES.
    #[command(after_help = EVENTS)]
    Survey(Box<SurveyArgs>),
    /// Users of features among the active ones.
    #[command(after_help = EVENTS)]
    Adoption(AdoptionArgs),
    /// Users in a set.
    #[command(after_help = USERS)]
    Count(CountArgs),
    /// Ids of the users in a set, page by page, and what is known of each.
    #[command(after_help = EVENTS)]
    Users(Box<UsersArgs>),
}

/// What every report takes.
#[derive(Debug, Args)]
pub struct CommonArgs {
    /// The database's folder.
    pub db: PathBuf,
    /// First day, YYYY-MM-DD, or so far back from the end: -28d, -12w, -6m, -1y.
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// The day after the last one, YYYY-MM-DD, or `today`.
    #[arg(long)]
    pub to: Option<String>,
    /// IANA name of a zone; the database's without it.
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// First day of the week.
    #[arg(long, value_name = "WEEKDAY")]
    pub week_start: Option<String>,
    /// What is known: RFC 3339; later buckets are not complete.
    #[arg(long, value_name = "INSTANT")]
    pub as_of: Option<String>,
    /// Only these users: a set as JSON, like '{"did": "purchase", "at_least": 2}', or @COHORT.
    #[arg(long, value_name = "SET")]
    pub users: Option<String>,
    /// Leave out days that are damaged, and say which, instead of answering nothing.
    #[arg(long)]
    pub allow_partial: bool,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Conditions on events.
#[derive(Debug, Args)]
pub struct WhereArgs {
    /// Only events that satisfy this, like country=DE: for every event that the report names.
    /// Several must hold together, on one event.
    #[arg(long = "where", value_name = "CONDITION")]
    pub conditions: Vec<String>,
}

/// What reports on events take.
#[derive(Debug, Args)]
pub struct GroupedArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub narrow: WhereArgs,
    #[command(flatten)]
    pub breakdown: BreakdownArgs,
    /// Groups kept, by size (25); the rest are one.
    #[arg(long, value_name = "N")]
    pub top: Option<u32>,
}

/// Groups.
#[derive(Debug, Args)]
pub struct BreakdownArgs {
    /// A group per value of a property; of several, per combination.
    #[arg(long, value_name = "PROPERTY")]
    pub breakdown: Vec<String>,
}

/// The width of buckets.
#[derive(Debug, Args)]
pub struct ByArgs {
    /// Bucket: hour, day, week, month, quarter, year or all.
    #[arg(long, value_name = "BUCKET")]
    pub by: Option<String>,
}

#[derive(Debug, Args)]
pub struct EventArgs {
    /// Event; several mean any of them; `*` is every event.
    #[arg(long, value_name = "EVENT")]
    pub event: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ActiveArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// Count over so many days that end with each bucket.
    #[arg(long, value_name = "DAYS")]
    pub trailing: Option<u32>,
}

#[derive(Debug, Args)]
pub struct FrequencyArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// What is counted: day, week, month or hour.
    #[arg(long)]
    pub interval: Option<String>,
    /// Events that an interval needs to count.
    #[arg(long, value_name = "N")]
    pub at_least: Option<u32>,
    /// Events above which an interval does not count.
    #[arg(long, value_name = "N")]
    pub at_most: Option<u32>,
}

#[derive(Debug, Args)]
pub struct StickinessArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// Days of the window (28 without it), or `none`: the calendar bucket.
    #[arg(long, value_name = "DAYS")]
    pub trailing: Option<String>,
}

#[derive(Debug, Args)]
pub struct GrowthArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// Buckets of silence before someone has churned.
    #[arg(long, value_name = "BUCKETS")]
    pub gap: Option<u32>,
    /// Compare the last so many days of each bucket with as many before them.
    #[arg(long, value_name = "DAYS")]
    pub trailing: Option<u32>,
    /// `event` (first time of this event) or `any` (first time of anything).
    #[arg(long, value_name = "WHAT")]
    pub new_means: Option<String>,
    /// Account for the sums of this property instead of people.
    #[arg(long, value_name = "NAME")]
    pub property: Option<String>,
}

#[derive(Debug, Args)]
pub struct StatesArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// Days of the short window (7).
    #[arg(long, value_name = "DAYS")]
    pub week: Option<u32>,
    /// Days of the long window (30).
    #[arg(long, value_name = "DAYS")]
    pub month: Option<u32>,
}

#[derive(Debug, Args)]
pub struct RetentionArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    /// Event that puts a user into a cohort; several mean any of them.
    #[arg(long, value_name = "EVENT")]
    pub start: Vec<String>,
    /// Event that counts as coming back; the start's without it.
    #[arg(long = "return", value_name = "EVENT")]
    pub returning: Vec<String>,
    /// Columns after column 0 (12).
    #[arg(long, value_name = "N")]
    pub columns: Option<u32>,
    /// first, recurring, first_ever or first_in_range.
    #[arg(long)]
    pub cohort: Option<String>,
    /// on, on_or_after or on_or_before.
    #[arg(long)]
    pub count: Option<String>,
    /// Widths of brackets after bucket 0, like 1,6,23.
    #[arg(long, value_delimiter = ',', value_name = "WIDTHS")]
    pub brackets: Vec<u32>,
    /// `calendar`, or `elapsed`: time since each user's start event.
    #[arg(long)]
    pub window: Option<String>,
    /// Return events that an interval needs to count.
    #[arg(long, value_name = "N")]
    pub at_least: Option<u32>,
    /// Cells are sums of this property.
    #[arg(long, value_name = "NAME")]
    pub property: Option<String>,
}

#[derive(Debug, Args)]
pub struct FunnelArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    /// A step, in order: an event, like search or 'add_to_cart[platform=ios]'.
    #[arg(long = "step", value_name = "EVENT")]
    pub steps: Vec<String>,
    /// Time from the first step within which the others count (14d), or `none`.
    #[arg(long, value_name = "DURATION")]
    pub within: Option<String>,
    /// ordered (other events may lie between), strict (none may) or unordered.
    #[arg(long)]
    pub order: Option<String>,
    /// `in_order`, or `forbid`: times must strictly increase.
    #[arg(long)]
    pub ties: Option<String>,
    /// An event that ends the run between two steps: cancel:1-2.
    #[arg(long, value_name = "EVENT:I-J")]
    pub exclude: Vec<String>,
}

#[derive(Debug, Args)]
pub struct PathsArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub narrow: WhereArgs,
    #[command(flatten)]
    pub breakdown: BreakdownArgs,
    /// Event that paths begin with; several mean any of them.
    #[arg(long, value_name = "EVENT", conflicts_with = "end")]
    pub start: Vec<String>,
    /// Event that paths lead to.
    #[arg(long, value_name = "EVENT")]
    pub end: Vec<String>,
    /// Steps (5).
    #[arg(long, value_name = "N")]
    pub depth: Option<u32>,
    /// Links named at each step, by users (25); the others are one.
    #[arg(long, value_name = "N")]
    pub top: Option<u32>,
    /// A longer silence ends the path (30m).
    #[arg(long, value_name = "DURATION")]
    pub within: Option<String>,
}

#[derive(Debug, Args)]
pub struct SessionsArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// A longer silence opens a new session (30m).
    #[arg(long, value_name = "DURATION")]
    pub gap: Option<String>,
    /// Where classes of durations end, like 10s,1m,10m: sessions are counted in each.
    #[arg(long, value_delimiter = ',', value_name = "DURATIONS")]
    pub duration_edges: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ValueArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// events, users, events_per_user, sum, mean, min, max, median, p50, p90, p95, p99,
    /// sum_per_user, distinct or share.
    #[arg(long)]
    pub measure: Option<String>,
    /// The property that is measured.
    #[arg(long, value_name = "NAME")]
    pub property: Option<String>,
    /// For `share`: the events of which `--event` is a part.
    #[arg(long, value_name = "EVENT")]
    pub of: Vec<String>,
}

#[derive(Debug, Args)]
pub struct BalanceArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// The property whose last value counts.
    #[arg(long, value_name = "NAME")]
    pub property: Option<String>,
}

#[derive(Debug, Args)]
pub struct SurveyArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// The property that holds the answer.
    #[arg(long, value_name = "NAME")]
    pub property: Option<String>,
    /// nps, csat or ces.
    #[arg(long)]
    pub kind: Option<String>,
    /// Lowest and highest answer: 0,10 for nps, 1,5 for the others.
    #[arg(
        long,
        value_delimiter = ',',
        num_args = 1,
        value_name = "LOW,HIGH",
        allow_hyphen_values = true
    )]
    pub scale: Vec<String>,
    /// The lowest answer of a promoter (9).
    #[arg(long, value_name = "ANSWER", allow_hyphen_values = true)]
    pub promoter_min: Option<String>,
    /// The highest answer of a detractor (6).
    #[arg(long, value_name = "ANSWER", allow_hyphen_values = true)]
    pub detractor_max: Option<String>,
    /// `all`, or `last`: the last one of each user.
    #[arg(long)]
    pub responses: Option<String>,
}

#[derive(Debug, Args)]
pub struct AdoptionArgs {
    #[command(flatten)]
    pub common: GroupedArgs,
    #[command(flatten)]
    pub by: ByArgs,
    /// A feature: the event of its use.
    #[arg(long = "feature", value_name = "EVENT")]
    pub features: Vec<String>,
    /// Users of so many of the features at least, instead of each by itself.
    #[arg(long, value_name = "N")]
    pub k: Option<u32>,
    /// The event that makes a user active (any).
    #[arg(long, value_name = "EVENT")]
    pub among: Vec<String>,
}

#[derive(Debug, Args)]
pub struct CountArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    /// Kept to say where conditions go.
    #[arg(long = "where", hide = true)]
    pub conditions: Vec<String>,
}

#[derive(Debug, Args)]
pub struct UsersArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub narrow: WhereArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// Ids of one page (1000).
    #[arg(long)]
    pub limit: Option<u32>,
    /// Go on after this id.
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,
    /// Columns per person: first, last, days, weeks, months, events, sum, last_value.
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    pub with: Vec<String>,
    /// The property of `sum` and `last_value`.
    #[arg(long, value_name = "NAME")]
    pub property: Option<String>,
    /// Order by one of the columns; by id without it.
    #[arg(long, value_name = "COLUMN")]
    pub order_by: Option<String>,
    /// The largest first.
    #[arg(long)]
    pub descending: bool,
}
