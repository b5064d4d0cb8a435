//! The shape of a database that the user has already: it is read, and never written to.

use super::shape::{Per, Pick, Property, Shape, Values, cell};
use super::workload::Known;
use crate::failure::Failure;
use daybit::{Answer, Db, Figures, Query, Value};
use serde_json::{Value as Json, json};
use std::io::{self, Write};
use std::path::Path;

/// Ids that are looked at.
const IDS: u64 = 10_000;
/// Properties that are looked at, in the order of their names.
const PROPERTIES_MAX: usize = 30;
/// Values of a property beyond which most of them are taken for seen once.
const VALUES_MAX: u32 = 1_000;

/// A database as an example of a workload.
pub struct Example {
    pub known: Known,
    pub bytes_per_event: f64,
}

/// Reads the shape of a database.
pub fn read(path: &Path) -> Result<Example, Failure> {
    let db = Db::open_read_only(path)?;
    let info = db.info()?;
    let held = &info.snapshot;
    let with_user = held.events - held.events_without_user;
    let days = ask(&db, &json!({"report": "active"}))?;
    let actives: Vec<u64> = counts(&days, "users");
    let user_days: u64 = actives.iter().sum();
    if user_days == 0 {
        let path = path.display();
        return Err(Failure::input(format!(
            "--from-sample {path} holds no event of a user: there is no shape to take"
        )));
    }
    let busiest = (0..actives.len()).max_by_key(|day| actives.get(*day)).unwrap_or(0);
    let day = held.first_day.unwrap_or_default() + chrono::Days::new(busiest as u64);
    let mut activities: Vec<(String, f64)> = held
        .activities
        .iter()
        .map(|a| (a.name.clone(), (a.events - a.events_without_user) as f64))
        .filter(|(_, events)| *events > 0.0)
        .collect();
    activities.sort_by(|a, b| b.1.total_cmp(&a.1));
    let looked = Look { db: &db, day };
    let (properties, paying) = looked.properties(&activities)?;
    let at = |rank: usize| activities.get(rank).or(activities.first()).map_or("", |a| &a.0);
    let shape = Shape {
        opens: false,
        paying: paying.unwrap_or_else(|| at(0).to_string()),
        steps: [at(0), at(1), at(2)].map(str::to_string),
        properties,
        id_bytes: id_bytes(&db)?,
        activities: Pick::new(activities),
    };
    // Of some users no event may be left: their days were replaced.
    let users = u64::from(held.users).min(user_days);
    let known = Known {
        users,
        daily_active: user_days as f64 / users as f64 / actives.len() as f64,
        events_per_active_day: with_user as f64 / user_days as f64,
        days: u32::try_from(actives.len()).unwrap_or(u32::MAX),
        shape,
    };
    Ok(Example { known, bytes_per_event: info.file_bytes as f64 / held.events as f64 })
}

/// One day of a database, the one with the most active users.
struct Look<'a> {
    db: &'a Db,
    day: chrono::NaiveDate,
}

impl Look<'_> {
    /// The properties of the day, and the activity that has money, if one has.
    fn properties(
        &self,
        activities: &[(String, f64)],
    ) -> Result<(Vec<Property>, Option<String>), Failure> {
        let names = self.db.snapshot()?.properties(self.day)?;
        let mut paying = None;
        let mut properties = Vec::new();
        for name in names.into_iter().take(PROPERTIES_MAX) {
            // Columns that say who, what and when are written by those names.
            if !["user", "activity", "time"].contains(&name.as_str()) {
                properties.extend(self.property(name, activities, &mut paying)?);
            }
        }
        Ok((properties, paying))
    }

    fn property(
        &self,
        name: String,
        activities: &[(String, f64)],
        paying: &mut Option<String>,
    ) -> Result<Option<Property>, Failure> {
        let events = self.groups(&name, json!({"report": "value"}), "value")?;
        let having: u64 = events.iter().filter(|g| !g.missing).map(|g| g.count).sum();
        let all: u64 = events.iter().map(|g| g.count).sum();
        if having == 0 {
            return Ok(None);
        }
        let values = values(&events, having);
        let mut per = Per::Event;
        if self.is_of_users(&name)? {
            per = Per::User;
        } else if matches!(values, Values::Money) && paying.is_none() {
            *paying = self.only_activity(&name, having, activities)?;
            per = if paying.is_some() { Per::Payment } else { Per::Event };
        }
        let share = if per == Per::Payment { 1.0 } else { having as f64 / all as f64 };
        Ok(Some(Property { name, per, values, share }))
    }

    /// Do all of a user's events of the day agree on it? Then its groups share no user.
    fn is_of_users(&self, name: &str) -> Result<bool, Failure> {
        let users = self.groups(name, json!({"report": "active"}), "users")?;
        let by_group: u64 = users.iter().map(|g| g.count).sum();
        let all = self.ask(json!({"report": "active"}))?;
        let all: u64 = counts(&all, "users").iter().sum();
        Ok(by_group as f64 <= 1.02 * all as f64)
    }

    /// The one of the commonest activities that has nearly all events with the property.
    fn only_activity(
        &self,
        name: &str,
        having: u64,
        activities: &[(String, f64)],
    ) -> Result<Option<String>, Failure> {
        const LOOKED_AT: usize = 50;
        for (activity, _) in activities.iter().take(LOOKED_AT) {
            let query = json!({"report": "value", "event": activity});
            let groups = self.groups(name, query, "value")?;
            let here: u64 = groups.iter().filter(|g| !g.missing).map(|g| g.count).sum();
            let all: u64 = groups.iter().map(|g| g.count).sum();
            if here * 10 >= having * 9 && here * 10 >= all * 9 {
                return Ok(Some(activity.clone()));
            }
        }
        Ok(None)
    }

    /// Counts of the day by the values of a property.
    fn groups(&self, name: &str, query: Json, column: &str) -> Result<Vec<Group>, Failure> {
        let mut query = query;
        query["breakdown"] = json!([name]);
        query["top"] = json!(VALUES_MAX);
        let answer = self.ask(query)?;
        let group = |series: &daybit::Series| Group {
            value: if series.other { None } else { series.key.get(name).cloned().flatten() },
            missing: !series.other && series.key.get(name).is_none_or(Option::is_none),
            count: counts_of(&series.figures, column).iter().sum(),
        };
        Ok(answer.series.iter().map(group).collect())
    }

    fn ask(&self, mut query: Json) -> Result<Answer, Failure> {
        query["from"] = json!(self.day.to_string());
        query["to"] = json!((self.day + chrono::Days::new(1)).to_string());
        ask(self.db, &query)
    }
}

/// A group of a breakdown.
struct Group {
    /// `None`: missing, or one of many that were not kept.
    value: Option<Value>,
    missing: bool,
    count: u64,
}

/// Listed values where these make up most of the events; numbers or free texts otherwise.
fn values(groups: &[Group], having: u64) -> Values {
    let listed: Vec<(String, f64, bool)> = groups
        .iter()
        .filter_map(|g| {
            let value = g.value.as_ref()?;
            let number = !matches!(value, Value::Text(_) | Value::Bool(_));
            Some((value.to_string(), g.count as f64, number))
        })
        .collect();
    let kept: f64 = listed.iter().map(|(_, count, _)| count).sum();
    let numbers = listed.iter().filter(|(.., number)| *number).count();
    // Few events a value, and numbers: amounts rather than classes.
    let amounts = numbers * 2 > listed.len() && kept / listed.len() as f64 <= 20.0;
    if amounts || (kept < 0.5 * having as f64 && numbers * 2 > listed.len()) {
        return Values::Money;
    }
    if kept < 0.5 * having as f64 {
        let bytes: f64 = listed.iter().map(|(text, count, _)| text.len() as f64 * count).sum();
        return Values::Free((bytes / kept.max(1.0)).ceil() as usize);
    }
    Values::Listed(Pick::new(listed.into_iter().map(|(text, count, _)| (cell(&text), count))))
}

fn ask(db: &Db, query: &Json) -> Result<Answer, Failure> {
    Ok(db.query(&Query::from_value(query)?)?)
}

fn counts(answer: &Answer, column: &str) -> Vec<u64> {
    answer.series.iter().flat_map(|series| counts_of(&series.figures, column)).collect()
}

fn counts_of(figures: &Figures, name: &str) -> Vec<u64> {
    let Figures::Columns(columns) = figures else { return Vec::new() };
    let found = columns.iter().find(|(known, _)| *known == name).map(|(_, column)| column);
    match found {
        Some(daybit::Column::Counts(counts)) => counts.iter().map(|c| c.unwrap_or(0)).collect(),
        Some(daybit::Column::Amounts(amounts)) => amounts.iter().map(whole).collect(),
        _ => Vec::new(),
    }
}

fn whole(value: &Option<Value>) -> u64 {
    match value {
        Some(Value::Integer(number)) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}

/// The mean length of the first ids.
fn id_bytes(db: &Db) -> Result<usize, Failure> {
    let mut lengths = IdLengths::default();
    // The only error is the writer's own, which says that it has seen enough.
    let exported = db.snapshot()?.export_users(&mut lengths);
    if lengths.lines <= 1 {
        exported?;
    }
    Ok((lengths.bytes as f64 / (lengths.lines.max(2) - 1) as f64).round().max(1.0) as usize)
}

/// Counts bytes of ids in lines of `ordinal,id`, for the first of them.
#[derive(Default)]
struct IdLengths {
    /// With the header.
    lines: u64,
    bytes: u64,
}

impl Write for IdLengths {
    /// Each call brings one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines > IDS {
            return Err(io::Error::other("enough"));
        }
        if self.lines > 0 {
            let id = line.splitn(2, |byte| *byte == b',').nth(1).unwrap_or_default();
            self.bytes += id.trim_ascii_end().len() as u64;
        }
        self.lines += 1;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::events;
    use super::super::workload::tests::workload;
    use super::*;
    use daybit::{ImportOptions, Options, Source};

    /// A database of a typical workload.
    fn database(folder: &Path) -> std::path::PathBuf {
        let file = folder.join("events.csv");
        let mut out = std::fs::File::create(&file).unwrap();
        events::write(&workload(3_000, 0.3, 5.0, 30), 3_000, 30, &mut out, &|_| {}).unwrap();
        let path = folder.join("db");
        let db = Db::create(&path, Options::new()).unwrap();
        db.import(&ImportOptions::new(), vec![Source::file(&file)], &|_| {}).unwrap();
        db.close().unwrap();
        path
    }

    #[test]
    fn the_shape_of_a_database_is_the_one_that_it_was_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let example = read(&database(folder.path())).unwrap();
        let known = example.known;
        assert_eq!((known.users, known.days), (3_000, 30));
        assert!((known.daily_active / 0.3 - 1.0).abs() < 0.06, "{}", known.daily_active);
        assert!((known.events_per_active_day / 5.0 - 1.0).abs() < 0.06);
        assert!(example.bytes_per_event > 1.0 && example.bytes_per_event < 60.0);
        let shape = known.shape;
        assert_eq!((shape.id_bytes, shape.activities.len()), (17, 12));
        assert_eq!(shape.paying, "purchase");
        let kinds: Vec<(&str, Per)> =
            shape.properties.iter().map(|p| (p.name.as_str(), p.per)).collect();
        assert_eq!(
            kinds,
            [("country", Per::User), ("platform", Per::User), ("value", Per::Payment)]
        );
        assert!(matches!(shape.properties[2].values, Values::Money));
        let Values::Listed(platforms) = &shape.properties[1].values else { panic!("a list") };
        assert_eq!(platforms.len(), 3);
    }

    #[test]
    fn a_database_without_people_has_no_shape() {
        let folder = tempfile::tempdir().unwrap();
        Db::create(folder.path(), Options::new()).unwrap().close().unwrap();
        let said = read(folder.path()).err().unwrap().to_string();
        assert!(said.contains("--from-sample") && said.contains("no event"), "{said}");
    }

    #[test]
    fn values_are_listed_unless_most_are_seen_once() {
        let group = |value: Value, count| Group { value: Some(value), missing: false, count };
        let text = |number: u64| Value::Text(format!("text-{number}"));
        let few = [group(text(1), 90), group(text(2), 10)];
        assert!(matches!(values(&few, 100), Values::Listed(pick) if pick.len() == 2));
        let mut many: Vec<Group> = (100..200).map(|n| group(text(n), 1)).collect();
        many.push(Group { value: None, missing: false, count: 900 });
        assert!(matches!(values(&many, 1_000), Values::Free(8)));
        let amounts: Vec<Group> = (0..100).map(|n| group(Value::Integer(n), 2)).collect();
        assert!(matches!(values(&amounts, 200), Values::Money));
        let classes: Vec<Group> = (0..5).map(|n| group(Value::Integer(n), 200)).collect();
        assert!(matches!(values(&classes, 1_000), Values::Listed(_)));
    }
}
