//! `users`: the people of a set, page by page, in the byte order of their ids.

use super::count::{People, everybody};
use super::{Prepared, Question};
use crate::codec::bits::Bits;
use crate::error::{Error, ErrorKind, Result};
use crate::query::answer::Figures;
use crate::scan::{Tally, kernels};
use crate::users::UsersView;
use rayon::prelude::*;

pub(super) fn prepare<'a>(
    question: &Question<'a>,
    limit: u32,
    after: Option<&'a str>,
) -> Prepared<'a> {
    let job =
        question.job(vec![everybody(question)], 0, |chunk| Box::new(People::new(chunk, true)));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let figures = move |question: &Question<'_>, tally: Tally| {
        page(&question.snapshot.users, &tally, limit, after.map(str::as_bytes))
    };
    Prepared::new(job, figures)
}

fn page(users: &UsersView, tally: &Tally, limit: usize, after: Option<&[u8]>) -> Result<Figures> {
    // One more than asked tells whether there is a next page.
    let wanted = limit.saturating_add(1);
    let pages = tally.members.par_iter().map(|(chunk, bits)| {
        let mut ids = ids(users, *chunk, bits, after)?;
        keep_smallest(&mut ids, wanted);
        Ok(ids)
    });
    let merged = pages.try_reduce(Vec::new, |mut left: Vec<Vec<u8>>, right| {
        left.extend(right);
        keep_smallest(&mut left, wanted);
        Ok(left)
    });
    let mut ids = merged?;
    ids.sort_unstable();
    let more = ids.len() > limit;
    ids.truncate(limit);
    let ids: Vec<String> = ids.into_iter().map(text).collect::<Result<_>>()?;
    let next = ids.last().filter(|_| more).cloned();
    Ok(Figures::Users { ids, columns: Vec::new(), next })
}

fn keep_smallest(ids: &mut Vec<Vec<u8>>, wanted: usize) {
    if ids.len() > wanted {
        ids.select_nth_unstable(wanted);
        ids.truncate(wanted);
    }
}

fn ids(users: &UsersView, chunk: u32, bits: &Bits, after: Option<&[u8]>) -> Result<Vec<Vec<u8>>> {
    let mut ids = Vec::new();
    let mut failed = None;
    kernels::for_each(bits, |low| match id(users, chunk << 16 | u32::from(low)) {
        Ok(id) if after.is_none_or(|after| id.as_slice() > after) => ids.push(id),
        Ok(_) => {}
        Err(error) => failed = Some(error),
    });
    failed.map_or(Ok(ids), Err)
}

fn id(users: &UsersView, ordinal: u32) -> Result<Vec<u8>> {
    users.id(ordinal)?.ok_or_else(|| {
        let message = format!("the user dictionary has no id for user {ordinal}, who has events");
        Error::new(ErrorKind::Corruption, message)
    })
}

fn text(id: Vec<u8>) -> Result<String> {
    String::from_utf8(id).map_err(|_| {
        Error::new(ErrorKind::Corruption, "the user dictionary holds an id that is not text")
    })
}
