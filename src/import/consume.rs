//! The middle of an import, in the order of the input: users are numbered, rows go to their days,
//! days go to the builders, and their sections to files.

use super::build::{Built, PartJob, Seen, StoredSections, Turn};
use super::files::Files;
use super::maker::Reject;
use super::options::{ImportStage, Progress, ReplaceDays};
use super::partition::{Part, Partition};
use super::pipeline::{Pending, Workers};
use super::read::{Block, Parsed, ParsedRows, Reading};
use super::rejects::Rejects;
use super::rows::EncodedRows;
use super::table::ParsedTable;
use crate::day::rows::NO_USER;
use crate::error::Result;
use crate::time::Day;
use crate::write::bulk::Bulk;
use crate::write::erase::ERASED;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What the workers are asked to do.
pub(super) enum Job {
    Parse(Block),
    Build(PartJob),
}

/// And what they made.
pub(super) enum Done {
    Parsed(Parsed),
    Built(Built),
}

/// What was built.
#[derive(Debug, Default)]
pub(super) struct BuildCounts {
    pub(super) accepted: u64,
    pub(super) without_user: u64,
    pub(super) duplicates: u64,
    /// Activities that each day has rows of.
    pub(super) activities: BTreeMap<Day, BTreeSet<String>>,
}

/// A part with the builders, and about the memory that it takes there.
struct UnderWay {
    built: Pending<Done>,
    memory: usize,
}

/// Takes what the parsers made, in order.
pub(super) struct Consumer<'a, 'b, 'w> {
    reading: &'a Reading<'a>,
    workers: &'a Workers<Job, Done>,
    bulk: &'b mut Bulk<'w>,
    partition: Partition,
    files: Files,
    under_way: VecDeque<UnderWay>,
    pub(super) rejects: Rejects,
    pub(super) counts: BuildCounts,
    /// For NDJSON: does any row have the user's field?
    pub(super) has_user: Option<bool>,
    rows: u64,
    rows_built: u64,
}

impl<'a, 'b, 'w> Consumer<'a, 'b, 'w> {
    pub(super) fn new(
        reading: &'a Reading<'a>,
        workers: &'a Workers<Job, Done>,
        bulk: &'b mut Bulk<'w>,
        rejects: Rejects,
    ) -> Consumer<'a, 'b, 'w> {
        Consumer {
            reading,
            workers,
            bulk,
            partition: Partition::new(reading.options.memory_bytes, reading.dir.to_path_buf()),
            files: Files::default(),
            under_way: VecDeque::new(),
            rejects,
            counts: BuildCounts::default(),
            has_user: None,
            rows: 0,
            rows_built: 0,
        }
    }

    pub(super) fn take(&mut self, parsed: Parsed) -> Result<()> {
        let Parsed { source, rows, rejects, has_user } = parsed;
        for reject in rejects {
            self.rejects.add(&source, reject)?;
        }
        if let Some(has_user) = has_user {
            self.has_user = Some(self.has_user.unwrap_or(false) || has_user);
        }
        match rows {
            ParsedRows::Encoded(rows) => self.encoded(&source, &rows)?,
            ParsedRows::Table(table) => self.table(&source, table)?,
        }
        // Insert ids of a day are compared while all of its rows are here.
        let may_close = self.reading.options.insert_id.is_none();
        for (day, part) in self.partition.relieve(may_close, self.reading.shared)? {
            self.build(day, part, false, Turn { seen: Arc::default(), index: 0 })?;
        }
        Ok(())
    }

    fn encoded(&mut self, source: &str, rows: &EncodedRows) -> Result<()> {
        self.partition.expect_properties(&rows.properties);
        let ordinals = self.bulk.number(&rows.ids)?;
        for (day, user, row) in rows.iter() {
            let ordinal = ordinals.get(user as usize).copied().unwrap_or(NO_USER);
            if ordinal == NO_USER && user != NO_USER {
                self.rejects.add(source, self.unnumbered(rows.ids.at(user as usize)))?;
                continue;
            }
            self.partition.add(day, ordinal, row);
            self.rows += 1;
        }
        Ok(())
    }

    fn table(&mut self, source: &str, table: ParsedTable) -> Result<()> {
        let ParsedTable { ids, days, properties } = table;
        self.partition.expect_properties(&properties);
        let ordinals = self.bulk.number(&ids)?;
        let has_all = !ordinals.contains(&NO_USER);
        for (day, mut rows) in days {
            if !has_all {
                let is_refused = |user: &u32| ordinals.get(*user as usize) == Some(&NO_USER);
                for user in rows.take_out(is_refused) {
                    self.rejects.add(source, self.unnumbered(ids.at(user as usize)))?;
                }
            }
            for user in rows.rows.users.iter_mut().filter(|user| **user != NO_USER) {
                *user = ordinals.get(*user as usize).copied().unwrap_or(NO_USER);
            }
            self.rows += rows.len() as u64;
            self.partition.add_table(day, rows);
        }
        Ok(())
    }

    fn unnumbered(&self, id: &[u8]) -> Reject {
        let reason = self.bulk.unnumbered(id).to_string();
        // No file is to name an erased person once more.
        let raw = if reason == ERASED { Vec::new() } else { id.to_vec() };
        Reject { line: 0, reason, raw }
    }

    /// Hands a part to the builders, when there is room for it.
    fn build(&mut self, day: Day, part: Part, is_cut: bool, turn: Turn) -> Result<()> {
        let options = self.reading.options;
        let memory = part.memory(self.partition.properties());
        let limit = options.memory_bytes.saturating_mul(2);
        let used =
            |under_way: &VecDeque<UnderWay>| under_way.iter().map(|u| u.memory).sum::<usize>();
        while !self.under_way.is_empty()
            && (self.under_way.len() > self.reading.threads
                || used(&self.under_way).saturating_add(memory) > limit)
        {
            self.take_built()?;
        }
        let span = self.reading.settings.calendar.span(day);
        let spill = self.partition.spilled();
        let stored = self.stored(day);
        let job = PartJob { span, part, spill, is_cut, turn, stored };
        let built = self.workers.ask(Job::Build(job))?;
        self.under_way.push_back(UnderWay { built, memory });
        Ok(())
    }

    /// What is stored on a day and makes duplicates: nothing of days that are replaced.
    fn stored(&self, day: Day) -> Option<StoredSections> {
        let options = self.reading.options;
        if options.insert_id.is_none() || options.replace_days != ReplaceDays::Off {
            return None;
        }
        let snapshot = self.bulk.snapshot();
        let stored = snapshot.days_in(day, day.saturating_add(1)).first()?;
        Some(Arc::clone(&stored.sections))
    }

    /// Waits for the part that is longest with the builders, and writes its section.
    fn take_built(&mut self) -> Result<()> {
        let Some(first) = self.under_way.pop_front() else { return Ok(()) };
        let Done::Built(built) = first.built.wait()? else { return Ok(()) };
        self.rows_built += built.rows;
        self.counts.duplicates += built.duplicates;
        let Some(section) = built.section else { return Ok(()) };
        let totals = &section.built.totals;
        self.counts.accepted += totals.rows;
        self.counts.without_user += totals.rows_without_user;
        let names = totals.activities.iter().map(|activity| activity.name.clone());
        self.counts.activities.entry(totals.day).or_default().extend(names);
        self.files.add(self.bulk, section)
    }

    /// Builds the days that are left, and finishes the files.
    pub(super) fn build_rest(&mut self, tell: impl Fn(Progress)) -> Result<()> {
        for (day, parts) in self.partition.take_parts() {
            let (seen, is_cut) = (Arc::<Seen>::default(), parts.len() > 1);
            for (index, part) in parts.into_iter().enumerate() {
                self.build(day, part, is_cut, Turn { seen: Arc::clone(&seen), index })?;
                tell(self.progress(ImportStage::Building, 0, None));
            }
        }
        while !self.under_way.is_empty() {
            self.take_built()?;
            tell(self.progress(ImportStage::Building, 0, None));
        }
        std::mem::take(&mut self.files).finish(self.bulk)
    }

    /// Is the import of this name applied already? The name is its own from now on.
    pub(super) fn name(&mut self, id: &str) -> Result<Option<crate::catalog::ledger::LedgerEntry>> {
        self.bulk.name(id)
    }

    pub(super) fn progress(
        &self,
        stage: ImportStage,
        bytes: u64,
        bytes_total: Option<u64>,
    ) -> Progress {
        let rows = if stage == ImportStage::Building { self.rows_built } else { self.rows };
        Progress { stage, bytes, bytes_total, rows, rejected: self.rejects.count }
    }
}
