//! What a snapshot holds, told to people and other programs: totals, users, presence sets.

use super::{Snapshot, SnapshotDay, SnapshotInner};
use crate::error::{Error, ErrorKind, Result};
use crate::time::{date_of, day_from, format_day};
use chrono::{DateTime, NaiveDate, Utc};
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// What a snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// Days with a stored event.
    pub days: u64,
    /// The first and the last of them.
    pub first_day: Option<NaiveDate>,
    /// The last day with a stored event.
    pub last_day: Option<NaiveDate>,
    /// Users that were ever seen.
    pub users: u32,
    /// Stored events, those without a user included.
    pub events: u64,
    /// Of the events, those without a user.
    pub events_without_user: u64,
    /// Sorted by name.
    pub activities: Vec<ActivityInfo>,
    /// Names of the saved cohorts, sorted.
    pub cohorts: Vec<String>,
    /// The reporting time zone, an IANA name.
    pub time_zone: String,
    /// The release of the zone rules that the database was made with.
    pub zone_rules: String,
    /// Time of the newest event.
    pub watermark: Option<DateTime<Utc>>,
    /// When the database was made.
    pub created: DateTime<Utc>,
    /// The days before this one were dropped.
    pub days_from: Option<NaiveDate>,
    /// Of the days before this one the events were dropped; people and totals are kept.
    pub rows_from: Option<NaiveDate>,
    /// Days that were found damaged so far; where the users of one had to be read, `user_days`
    /// leaves out the day. [`Db::verify`](crate::Db::verify) finds all damage.
    pub damaged_days: Vec<NaiveDate>,
}

/// What a snapshot holds of one activity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivityInfo {
    /// The activity's name.
    pub name: String,
    /// Its events, those without a user included.
    pub events: u64,
    /// Of its events, those without a user.
    pub events_without_user: u64,
    /// Distinct users of each day, summed over the days.
    pub user_days: u64,
}

impl Snapshot {
    /// Totals of the snapshot. Days that lie in one place are answered from totals; of others the
    /// users are read.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn info(&self) -> Result<SnapshotInfo> {
        let inner = &*self.inner;
        let mut activities: BTreeMap<String, ActivityInfo> = BTreeMap::new();
        let mut damaged_days = Vec::new();
        for day in &inner.days {
            for (name, events, without) in rows_by_activity(day) {
                let info =
                    activities.entry(name).or_insert_with_key(|name| ActivityInfo::new(name));
                info.events += events;
                info.events_without_user += without;
            }
            let users = users_by_activity(inner, day)?;
            if users.is_none() || day.sections.iter().any(|s| s.file.is_damaged()) {
                damaged_days.push(date_of(day.span.day));
            }
            for (name, users) in users.into_iter().flatten() {
                activities.entry(name).and_modify(|info| info.user_days += users);
            }
        }
        let date = |day: Option<&SnapshotDay>| day.map(|day| date_of(day.span.day));
        Ok(SnapshotInfo {
            days: inner.days.len() as u64,
            first_day: date(inner.days.first()),
            last_day: date(inner.days.last()),
            users: self.users_count(),
            events: activities.values().map(|a| a.events).sum(),
            events_without_user: activities.values().map(|a| a.events_without_user).sum(),
            activities: activities.into_values().collect(),
            cohorts: inner.catalog.cohorts.keys().cloned().collect(),
            time_zone: inner.catalog.time_zone.clone(),
            zone_rules: inner.catalog.zone_rules.clone(),
            watermark: self.watermark(),
            created: crate::time::instant_of(inner.catalog.created),
            days_from: inner.manifest.days_from.map(date_of),
            rows_from: inner.manifest.rows_from.map(date_of),
            damaged_days,
        })
    }

    /// Names of the properties of a day's events, sorted by bytes. A day without events has none.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use daybit::{Db, Event, Options};
    /// let db = Db::create(folder.path().join("db"), Options::new())?;
    /// let at = "2024-03-01T09:30:00Z".parse().unwrap();
    /// db.writer()?.write(Event::new("anna", "purchase").at(at).with("price", 12))?;
    /// let names = db.snapshot()?.properties(at.date_naive())?;
    /// assert_eq!(names, ["price"]);
    /// # Ok::<(), daybit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corruption` where the day cannot be read.
    pub fn properties(&self, day: NaiveDate) -> Result<Vec<String>> {
        let Some(stored) = self.inner.day(day_from(day)) else { return Ok(Vec::new()) };
        let mut names = BTreeSet::new();
        for section in &*stored.sections {
            names.extend(section.section.property_names()?.iter().map(|name| name.to_string()));
        }
        for run in stored.run_days() {
            names.extend(run.rows.property_names().map(str::to_owned));
        }
        Ok(names.into_iter().collect())
    }

    /// The ordinals of the users with an activity (`None`: any) on a day, as a portable Roaring
    /// bitmap that any Roaring library reads. A day without events gives the empty set.
    ///
    /// # Errors
    /// `Corruption` where the users of the day cannot be read.
    pub fn export_presence(&self, day: NaiveDate, activity: Option<&str>) -> Result<Vec<u8>> {
        let mut users = RoaringBitmap::new();
        if let Some(stored) = self.inner.day(day_from(day)) {
            self.inner.each_chunk(stored, activity, |chunk, bits| {
                users.extend(bits.iter().map(|low| chunk << 16 | u32::from(low)));
            })?;
        }
        users.optimize();
        let mut bytes = Vec::with_capacity(users.serialized_size());
        let written = users.serialize_into(&mut bytes);
        written.map_err(|e| {
            Error::new(ErrorKind::Io, format!("cannot write the presence set: {e}"))
        })?;
        Ok(bytes)
    }

    /// Writes every user as CSV (RFC 4180): a header `ordinal,id`, then a line each, ascending.
    /// The ordinals are those of [`export_presence`](Snapshot::export_presence).
    ///
    /// # Errors
    /// `Corruption` where the users cannot be read, `Io` where `out` fails.
    pub fn export_users(&self, out: &mut dyn Write) -> Result<()> {
        let failed = |e| Error::new(ErrorKind::Io, format!("cannot write the users: {e}"));
        out.write_all(b"ordinal,id\r\n").map_err(failed)?;
        let mut line = Vec::new();
        for ordinal in 0..self.inner.users.count {
            // Of an erased person only the number is left.
            let Some(id) = self.inner.users.id(ordinal)? else { continue };
            line.clear();
            line.extend_from_slice(format!("{ordinal},").as_bytes());
            push_csv_cell(&id, &mut line);
            line.extend_from_slice(b"\r\n");
            out.write_all(&line).map_err(failed)?;
        }
        Ok(())
    }
}

impl ActivityInfo {
    fn new(name: &str) -> ActivityInfo {
        ActivityInfo { name: name.to_string(), events: 0, events_without_user: 0, user_days: 0 }
    }
}

/// Activity, rows, rows without a user: of each source of the day.
fn rows_by_activity(day: &SnapshotDay) -> Vec<(String, u64, u64)> {
    let stored = day.sections.iter().flat_map(|s| &s.place.totals.activities);
    let stored = stored.map(|a| (a.name.clone(), a.rows, a.rows_without_user));
    let fresh = day.run_days().flat_map(|run| {
        run.activities().into_iter().map(|name| {
            let (rows, without) = run.activity_rows(name);
            (String::from_utf8_lossy(name).into_owned(), rows, without)
        })
    });
    stored.chain(fresh).collect()
}

/// Distinct users of each activity of the day; `None` where damage keeps them from being counted.
fn users_by_activity(
    inner: &SnapshotInner,
    day: &SnapshotDay,
) -> Result<Option<Vec<(String, u64)>>> {
    let names: BTreeSet<String> =
        rows_by_activity(day).into_iter().map(|(name, ..)| name).collect();
    let mut counted = Vec::with_capacity(names.len());
    for name in names {
        match users_on(inner, day, &name) {
            Err(e) if e.kind() == ErrorKind::Corruption => return Ok(None),
            users => counted.push((name, users?)),
        }
    }
    Ok(Some(counted))
}

fn users_on(inner: &SnapshotInner, day: &SnapshotDay, activity: &str) -> Result<u64> {
    if let Some(users) = inner.day_total(day, Some(activity)) {
        return Ok(users);
    }
    let mut users = 0;
    inner.each_chunk(day, Some(activity), |_, bits| users += u64::from(bits.count())).map_err(
        |e| {
            let message = format!("cannot count the users of {}: {e}", format_day(day.span.day));
            Error::new(e.kind(), message)
        },
    )?;
    Ok(users)
}

/// A cell as RFC 4180 has it: quoted where it holds a comma, a quote or a line's end.
fn push_csv_cell(cell: &[u8], out: &mut Vec<u8>) {
    if !cell.iter().any(|b| b",\"\r\n".contains(b)) {
        return out.extend_from_slice(cell);
    }
    out.push(b'"');
    for &byte in cell {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
