//! Sections to files, as compaction would lay them: large days by themselves, small ones by the
//! month where they come to something together, else by the year.

use super::build::DaySection;
use crate::day::build::BuiltSection;
use crate::day::file::DayFileWriter;
use crate::error::Result;
use crate::time::{Bucket, Day, WeekStart, bucket_start};
use crate::write::bulk::Bulk;

/// Days, and the small days of a month together, of this many bytes have files of their own.
const OWN_FILE_BYTES: usize = 4 << 20;

type OpenFile = (DayFileWriter, u64);

/// Writes sections that come by day; a day that comes again gets one more file.
#[derive(Default)]
pub(super) struct Files {
    /// The last day with a file of its own, which may have more sections.
    own: Option<(Day, OpenFile)>,
    /// Small sections of the month so far.
    small: Vec<BuiltSection>,
    /// Small sections of the year's earlier months.
    year: Option<OpenFile>,
}

impl Files {
    pub(super) fn add(&mut self, bulk: &mut Bulk<'_>, section: DaySection) -> Result<()> {
        let DaySection { built, is_cut } = section;
        let day = built.totals.day;
        self.close_before(bulk, day)?;
        if !is_cut && built.bytes.len() < OWN_FILE_BYTES {
            self.small.push(built);
            return Ok(());
        }
        let own = match self.own.take() {
            Some(own) => own,
            None => (day, bulk.day_file()?),
        };
        let (_, (writer, _)) = self.own.insert(own);
        writer.add(&built, bulk.sequence(), bulk.sequence())
    }

    /// Finishes the last files.
    pub(super) fn finish(mut self, bulk: &mut Bulk<'_>) -> Result<()> {
        self.close_month(bulk)?;
        self.close_own(bulk)?;
        self.close_year(bulk)
    }

    /// Closes what `day` has no part in.
    fn close_before(&mut self, bulk: &mut Bulk<'_>, day: Day) -> Result<()> {
        if self.own.as_ref().is_some_and(|(own, _)| *own != day) {
            self.close_own(bulk)?;
        }
        let Some(last) = self.small.last().map(|section| section.totals.day) else { return Ok(()) };
        let differs = |bucket| {
            let start = |day| bucket_start(day, bucket, WeekStart::Monday);
            start(last) != start(day)
        };
        if differs(Bucket::Month) {
            self.close_month(bulk)?;
        }
        if differs(Bucket::Year) {
            self.close_year(bulk)?;
        }
        Ok(())
    }

    fn close_month(&mut self, bulk: &mut Bulk<'_>) -> Result<()> {
        let sections = std::mem::take(&mut self.small);
        let bytes: usize = sections.iter().map(|section| section.bytes.len()).sum();
        if bytes >= OWN_FILE_BYTES {
            let mut file = bulk.day_file()?;
            add_all(bulk, &mut file, &sections)?;
            return bulk.add_file(file.0, file.1);
        }
        if !sections.is_empty() {
            let mut file = match self.year.take() {
                Some(file) => file,
                None => bulk.day_file()?,
            };
            add_all(bulk, &mut file, &sections)?;
            self.year = Some(file);
        }
        Ok(())
    }

    fn close_own(&mut self, bulk: &mut Bulk<'_>) -> Result<()> {
        match self.own.take() {
            Some((_, (writer, generation))) => bulk.add_file(writer, generation),
            None => Ok(()),
        }
    }

    fn close_year(&mut self, bulk: &mut Bulk<'_>) -> Result<()> {
        match self.year.take() {
            Some((writer, generation)) => bulk.add_file(writer, generation),
            None => Ok(()),
        }
    }
}

fn add_all(bulk: &Bulk<'_>, file: &mut OpenFile, sections: &[BuiltSection]) -> Result<()> {
    let sequence = bulk.sequence();
    sections.iter().try_for_each(|section| file.0.add(section, sequence, sequence))
}
