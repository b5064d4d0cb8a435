//! The names of a query held against what was ever stored.

use super::history::History;
use super::plan::Plan;
use super::{CohortKind, Query, Report};
use crate::day::datum::KindSet;
use crate::error::{Error, Result};
use crate::event::Value;
use crate::scan::{Condition, Selector, Test};
use crate::time::{Bucket, Day, format_day};
use std::collections::BTreeSet;

/// Refuses conditions that no stored value could ever meet: a number where the property never held
/// one. Of a list one value that could be met is enough. A property that was never seen is a
/// warning.
pub(super) fn check(query: &Query, history: &impl History) -> Result<()> {
    let mut tests = Vec::new();
    query.conditions(&mut |condition| {
        condition.tests(&mut |property, test| tests.push((property, test)));
    });
    for (property, test) in tests {
        // Each kind is looked for once, however long a list is.
        let mut wanted: Vec<Literal> = Vec::new();
        test.literals(&mut |literal| {
            if wanted.iter().all(|known| known.kinds != literal.kinds) {
                wanted.push(literal);
            }
        });
        let mut met = wanted.is_empty();
        for literal in &wanted {
            met = met || history.holds(property, literal.kinds)?;
        }
        let Some(literal) = wanted.first().filter(|_| !met) else { continue };
        if history.knows_property(property)? {
            return Err(literal.never_met(property));
        }
    }
    Ok(())
}

/// A value that a condition compares with.
struct Literal {
    shown: String,
    /// Kinds of value that it meets.
    kinds: KindSet,
    kind: &'static str,
}

impl Literal {
    /// `by_text`: a text meets the number that is stored with it as well.
    fn of(value: &Value, by_text: bool) -> Literal {
        let (kinds, kind) = match value {
            Value::Bool(_) => (KindSet::BOOL, "true or false"),
            Value::Text(_) if by_text => (KindSet::TEXT.or(KindSet::NUMBER), "a text"),
            Value::Text(_) => (KindSet::TEXT, "a text"),
            Value::Integer(_) | Value::Decimal(_) | Value::Float(_) => {
                (KindSet::NUMBER, "a number")
            }
        };
        let shown: String = value.to_string().chars().take(60).collect();
        let shown = if matches!(value, Value::Text(_)) { format!("{shown:?}") } else { shown };
        Literal { shown, kinds, kind }
    }

    fn never_met(&self, property: &str) -> Error {
        let Literal { shown, kind, .. } = self;
        Error::input(format!(
            "a condition compares {property:?} with {shown}, but the property never held {kind}"
        ))
    }
}

impl Test {
    fn literals(&self, visit: &mut dyn FnMut(Literal)) {
        match self {
            Test::Is(value) | Test::IsNot(value) => visit(Literal::of(value, true)),
            Test::In(values) | Test::NotIn(values) => {
                values.iter().for_each(|value| visit(Literal::of(value, true)));
            }
            Test::Greater(value)
            | Test::GreaterOrEqual(value)
            | Test::Less(value)
            | Test::LessOrEqual(value) => visit(Literal::of(value, false)),
            Test::Contains(text) | Test::StartsWith(text) => {
                visit(Literal::of(&Value::Text(text.clone()), false));
            }
            Test::Exists(_) => {}
        }
    }
}

/// Events and properties that the query names and that were never seen.
pub(super) fn warnings(query: &Query, history: &impl History) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for name in query.event_names() {
        if !history.knows_activity(name) {
            warnings.push(format!("event {name:?} was never seen"));
        }
    }
    for name in query.property_names() {
        if !history.knows_property(name)? {
            warnings.push(format!("property {name:?} was never seen"));
        }
    }
    if let Some(name) = query.report.numeric_property()
        && history.knows_property(name)?
        && !history.holds(name, KindSet::NUMBER)?
    {
        warnings.push(format!("property {name:?} never held a number"));
    }
    Ok(warnings)
}

/// What dropped days make of the figures: those of these days are gone, and whatever asks about all
/// times is not told of them. The first days of plain selectors are kept, for answers that need no
/// more than days of the database and people.
pub(super) fn dropped(query: &Query, history: &impl History, plan: &Plan) -> Option<String> {
    let kept_from = history.days_from()?;
    let mut by_events = !plan.native || !query.breakdown.is_empty();
    query.conditions(&mut |_| by_events = true);
    let ever = match &query.report {
        Report::Growth { property, .. } => by_events || property.is_some(),
        Report::States { .. } => by_events,
        Report::Retention(retention) => {
            let of_first = matches!(retention.cohort, CohortKind::First | CohortKind::FirstEver);
            of_first && (by_events || retention.reads_events())
        }
        Report::Count | Report::Users { .. } | Report::Balance { .. } => true,
        _ => false,
    };
    let ever = ever || query.users.is_some();
    let ranged = query.is_ranged() && first_day(query, history, plan) < kept_from;
    let day = format_day(kept_from);
    (ranged || ever).then(|| {
        format!("days before {day} were dropped: what happened on them is not in these figures")
    })
}

/// The day of the database on which begins what goes into the range's figures, or an earlier one.
fn first_day(query: &Query, history: &impl History, plan: &Plan) -> Day {
    let lead = match query.report {
        // An event in the gap before the range is of a session that goes on in it.
        Report::Sessions { gap_us, .. } => gap_us,
        _ => 0,
    };
    let first = plan.instant(plan.from_tick).saturating_sub(lead);
    let first = history.calendar().span_of(first).day;
    match days_before(query, plan.to.saturating_sub(plan.from)) {
        0 => first,
        // Days of another zone are not so many days of this one to the hour.
        days => first.saturating_sub(days).saturating_sub(Day::from(!plan.native)),
    }
}

/// Days before the range, of so many days, whose figures go into it, or more.
fn days_before(query: &Query, range: Day) -> Day {
    let days = match query.report {
        Report::Active { trailing, .. } | Report::Stickiness { trailing, .. } => {
            trailing.unwrap_or(0)
        }
        Report::States { week, month, .. } => week.max(month),
        Report::Growth { trailing: Some(trailing), .. } => trailing.saturating_mul(2),
        Report::Growth { gap, .. } => gap.max(1).saturating_mul(match query.by {
            Some(Bucket::Week) => 7,
            Some(Bucket::Month) => 31,
            Some(Bucket::Quarter) => 92,
            Some(Bucket::Year) => 366,
            Some(Bucket::All) => range.unsigned_abs(),
            _ => 1,
        }),
        _ => 0,
    };
    Day::try_from(days).unwrap_or(Day::MAX)
}

impl Query {
    /// Calls `visit` with every selector, those of the set of users included.
    fn selectors<'a>(&'a self, visit: &mut dyn FnMut(&'a Selector)) {
        self.report.selectors(visit);
        self.users.iter().for_each(|set| set.selectors(visit));
    }

    fn conditions<'a>(&'a self, visit: &mut dyn FnMut(&'a Condition)) {
        self.selectors(&mut |selector| selector.conditions().iter().for_each(&mut *visit));
    }

    /// Names of events that the query is about, sorted and distinct.
    fn event_names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.selectors(&mut |selector| names.extend(selector.names().iter().map(String::as_str)));
        names
    }

    /// Names of properties that the query is about, sorted and distinct.
    fn property_names(&self) -> BTreeSet<&str> {
        let mut names: BTreeSet<&str> = self.breakdown.iter().map(String::as_str).collect();
        names.extend(self.report.property());
        self.conditions(&mut |condition| {
            condition.tests(&mut |property, _| {
                names.insert(property);
            });
        });
        names
    }
}
