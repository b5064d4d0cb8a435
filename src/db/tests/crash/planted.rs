//! Known mistakes, planted one at a time: what looks for crashes must find each of them.

use super::*;
use crate::fs::simulated::{Bug, Failure, Lasting};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Stories that a mistake may hide from.
const STORIES: u64 = 6;

fn with(bug: Bug) -> World {
    let world = World::new();
    world.disk.plant(bug);
    world
}

/// What a story shows of a mistake.
fn found(bug: Bug, story: Story) -> Option<String> {
    let told = catch_unwind(AssertUnwindSafe(|| {
        let told = Told::new(story, with(bug));
        told.crash_everywhere(SEEDS)
    }));
    match told {
        Ok(Ok(_)) => None,
        Ok(Err(what)) => Some(what),
        Err(_) => Some("the workload itself fails".to_string()),
    }
}

/// What the order of operations shows of it, without a crash.
fn found_in_protocol(bug: Bug) -> bool {
    let told = catch_unwind(|| Told::new(Story::of_everything(), with(bug)));
    told.is_ok_and(|told| !protocol::broken(&told.world.disk.trace()).is_empty())
}

/// The disk of the whole story after one operation failed, and how many changes it acknowledged.
fn failing_at(operation: u64, failure: Failure, planted: Option<Bug>) -> (SimulatedFs, usize) {
    let world = planted.map_or_else(World::new, with);
    drop(world.create());
    world.disk.remember();
    world.disk.fail_at(operation, failure, Lasting::Once);
    let _ = Story::of_everything().tell(&world);
    let acknowledged = Told::acknowledged(&world.disk);
    (world.disk, acknowledged)
}

/// What is wrong where one operation of the story fails: after the process ended, and after the
/// machine did.
fn found_by_failures(failure: Failure, planted: Option<Bug>) -> Option<String> {
    let world = planted.map_or_else(World::new, with);
    let whole = Told::new(Story::of_everything(), world);
    let operations: Vec<u64> = (0..whole.world.disk.operations()).collect();
    operations.into_par_iter().find_map_any(|operation| {
        let (disk, acknowledged) = failing_at(operation, failure, planted);
        [disk.crash(0), disk.kill()].into_iter().find_map(|disk| {
            let checked = whole.story.check_on(disk, acknowledged);
            checked.err().map(|e| format!("operation {operation}, {failure:?}: {e}"))
        })
    })
}

#[test]
fn each_planted_mistake_is_found() {
    let missed: Vec<Bug> = Bug::ALL
        .into_iter()
        .filter(|bug| {
            let stories =
                std::iter::once(Story::of_everything()).chain((1..STORIES).map(Story::of));
            let what = match bug {
                Bug::FailedSyncForgotten | Bug::TornLogTrusted => {
                    found_by_failures(Failure::LostSync, Some(*bug))
                }
                _ => stories.into_iter().find_map(|story| found(*bug, story)),
            };
            println!("{bug:?}: {}", what.as_deref().unwrap_or("not found"));
            what.is_none()
        })
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_missing_sync_is_seen_without_a_crash() {
    let of_order = Bug::ALL.into_iter().filter(|bug| bug.is_of_order());
    let missed: Vec<Bug> = of_order.filter(|bug| !found_in_protocol(*bug)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn an_operation_that_fails_loses_nothing_acknowledged() {
    for failure in [Failure::LostSync, Failure::Io, Failure::NoSpace] {
        assert_eq!(found_by_failures(failure, None), None);
    }
}
