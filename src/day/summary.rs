//! What opening needs to know of every section without reading it: kept in one file for all day
//! files.

use super::rows::Strings;
use crate::codec::record;
use crate::error::{Error, Result};
use crate::limits::SUMMARY_BYTES_MAX;
use serde::{Deserialize, Serialize};

/// Counts of one activity in one section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivityTotals {
    /// Name bytes (valid UTF-8).
    pub(crate) name: String,
    /// Distinct users.
    pub(crate) users: u64,
    /// Rows, those without a user included.
    pub(crate) rows: u64,
    /// Rows without a user.
    pub(crate) rows_without_user: u64,
}

/// The outer totals of one section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SectionTotals {
    pub(crate) day: i32,
    /// The day's span in UTC microseconds: it rules for this day for ever.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Distinct users of any activity.
    pub(crate) users: u64,
    pub(crate) rows: u64,
    pub(crate) rows_without_user: u64,
    /// Instants of the earliest and latest row, UTC microseconds.
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Sorted by name.
    pub(crate) activities: Vec<ActivityTotals>,
}

/// Where a live section lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SectionPlace {
    /// The day file's generation.
    pub(crate) file: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// Sequence numbers of the first and last commit in it: sections of a day merge in this order.
    pub(crate) sequence_first: u64,
    pub(crate) sequence_last: u64,
    pub(crate) totals: SectionTotals,
}

/// All live sections, ordered by (day, sequence_last).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) sections: Vec<SectionPlace>,
}

/// What the summary's bytes begin with.
pub(crate) const SUMMARY_MAGIC: [u8; 8] = *b"DAYBITS\0";

/// A summary's record: names once, and activities by their position among them.
#[derive(Serialize, Deserialize)]
struct SummaryRecord {
    names: Vec<String>,
    sections: Vec<SectionRecord>,
}

#[derive(Serialize, Deserialize)]
struct SectionRecord {
    file: u64,
    offset: u64,
    length: u64,
    sequence_first: u64,
    sequence_last: u64,
    day: i32,
    start: i64,
    end: i64,
    users: u64,
    rows: u64,
    rows_without_user: u64,
    first: i64,
    last: i64,
    activities: Vec<ActivityRecord>,
}

#[derive(Serialize, Deserialize)]
struct ActivityRecord {
    name: u32,
    users: u64,
    rows: u64,
    rows_without_user: u64,
}

impl Summary {
    /// Activity names are interned in the bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut names = Strings::default();
        let sections = self.sections.iter().map(|place| section_record(place, &mut names));
        let sections = sections.collect();
        let name = |code| String::from_utf8_lossy(names.get(code)).into_owned();
        let names = (0..names.len() as u32).map(name).collect();
        record::seal(&SUMMARY_MAGIC, &SummaryRecord { names, sections })
    }

    pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<Summary> {
        let damage = |what: String| Error::corruption(file, 0, "summary", what);
        if bytes.len() > SUMMARY_BYTES_MAX {
            return Err(damage(format!("{} bytes; {SUMMARY_BYTES_MAX} at most", bytes.len())));
        }
        let record: SummaryRecord = record::unseal(file, &SUMMARY_MAGIC, bytes)?;
        let SummaryRecord { names, sections } = record;
        let places = sections.into_iter().map(|section| section_place(section, &names));
        Ok(Summary { sections: places.collect::<Result<_, _>>().map_err(damage)? })
    }
}

fn section_record(place: &SectionPlace, names: &mut Strings) -> SectionRecord {
    let totals = &place.totals;
    let activities = totals.activities.iter().map(|activity| ActivityRecord {
        name: names.code(activity.name.as_bytes()),
        users: activity.users,
        rows: activity.rows,
        rows_without_user: activity.rows_without_user,
    });
    SectionRecord {
        file: place.file,
        offset: place.offset,
        length: place.length,
        sequence_first: place.sequence_first,
        sequence_last: place.sequence_last,
        day: totals.day,
        start: totals.start,
        end: totals.end,
        users: totals.users,
        rows: totals.rows,
        rows_without_user: totals.rows_without_user,
        first: totals.first,
        last: totals.last,
        activities: activities.collect(),
    }
}

fn section_place(section: SectionRecord, names: &[String]) -> Result<SectionPlace, String> {
    let activity = |record: ActivityRecord| {
        let name = names.get(record.name as usize);
        let name = name.ok_or_else(|| format!("the name {} of {}", record.name, names.len()))?;
        Ok(ActivityTotals {
            name: name.clone(),
            users: record.users,
            rows: record.rows,
            rows_without_user: record.rows_without_user,
        })
    };
    let totals = SectionTotals {
        day: section.day,
        start: section.start,
        end: section.end,
        users: section.users,
        rows: section.rows,
        rows_without_user: section.rows_without_user,
        first: section.first,
        last: section.last,
        activities: section.activities.into_iter().map(activity).collect::<Result<_, String>>()?,
    };
    Ok(SectionPlace {
        file: section.file,
        offset: section.offset,
        length: section.length,
        sequence_first: section.sequence_first,
        sequence_last: section.sequence_last,
        totals,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn summary(days: i32) -> Summary {
        let activity = |name: &str, day: i32| ActivityTotals {
            name: name.to_string(),
            users: day as u64,
            rows: 2 * day as u64,
            rows_without_user: 1,
        };
        let place = |day: i32| SectionPlace {
            file: 7,
            offset: 72 + 1_000 * day as u64,
            length: 1_000,
            sequence_first: 3,
            sequence_last: 4,
            totals: SectionTotals {
                day: day - 1_000,
                start: -5,
                end: 86_400_000_000,
                users: 9,
                rows: 10,
                rows_without_user: 1,
                first: 0,
                last: 8,
                activities: ["a", "b", "c", "d", "e"].map(|name| activity(name, day)).to_vec(),
            },
        };
        Summary { sections: (0..days).map(place).collect() }
    }

    #[test]
    fn a_summary_comes_back_with_each_name_once() {
        let summary = summary(3_650);
        let bytes = summary.encode();
        assert_eq!(Summary::decode("s", &bytes).unwrap(), summary);
        let per_day = bytes.len() / 3_650;
        assert!(per_day < 260, "{per_day} bytes a day");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = summary(2).encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Summary::decode("s", &flipped).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Summary::decode("s", &bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        let mut record = SummaryRecord { names: vec![], sections: vec![] };
        record.sections.push(section_record(&summary(1).sections[0], &mut Strings::default()));
        let bytes = record::seal(&SUMMARY_MAGIC, &record);
        let error = Summary::decode("s", &bytes).unwrap_err();
        assert!(error.to_string().contains("the name 0 of 0"), "{error}");
    }
}
