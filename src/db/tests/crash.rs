//! Power cuts at every operation: what has a receipt survives, whole changes only, in order.
//!
//! A story is a workload that follows from a seed. It is told once, on a disk that remembers; then
//! every state that the power's going could have left is opened and looked at. A failure names
//! what shows it again: `SEED=7 cargo test --lib crash` tells the one story of that seed.

#![allow(clippy::print_stdout)]

mod planted;
mod protocol;
mod story;

use super::*;
use rayon::prelude::*;
use std::sync::atomic::AtomicUsize;
use story::Story;

/// Crashes of one kind that are tried at each operation.
const SEEDS: u64 = 8;

/// A number from the environment, for longer runs.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A story and the disk that it was told on.
struct Told {
    story: Story,
    world: World,
}

impl Told {
    fn new(story: Story, world: World) -> Told {
        drop(world.create());
        world.disk.remember();
        story.tell(&world).unwrap();
        Told { story, world }
    }

    fn acknowledged(disk: &SimulatedFs) -> usize {
        disk.notes().iter().filter(|note| *note == "ack").count()
    }

    /// Looks at the states that crashes before each operation leave; how many there were, and what
    /// is wrong with the first one at fault.
    fn crash_everywhere(&self, seeds: u64) -> Result<usize, String> {
        let operations = 0..self.world.disk.operations() + 1;
        let states = AtomicUsize::new(0);
        operations.into_par_iter().try_for_each(|operation| {
            let disk = self.world.disk.at(operation);
            let acknowledged = Told::acknowledged(&disk);
            (0..seeds).try_for_each(|seed| {
                states.fetch_add(1, Ordering::Relaxed);
                let crashed = disk.crash(seed);
                // To go on from there costs more: one in four does.
                let checked = match (operation + seed) % 4 {
                    0 => self.story.check_on(crashed, acknowledged),
                    _ => self.story.check(crashed, acknowledged).map(drop),
                };
                checked.map_err(|e| format!("operation {operation}, crash {seed}: {e}"))
            })
        })?;
        Ok(states.into_inner())
    }

    /// Crashes while the database recovers from a crash.
    fn crash_in_recovery(&self, every: u64, seeds: u64) -> Result<usize, String> {
        let operations: Vec<u64> =
            (0..self.world.disk.operations() + 1).step_by(every as usize).collect();
        let states = AtomicUsize::new(0);
        operations.into_par_iter().try_for_each(|operation| {
            let disk = self.world.disk.at(operation);
            let acknowledged = Told::acknowledged(&disk);
            let world = World::on(disk.crash(operation % 3));
            world.disk.remember();
            let what = |e: crate::Error| format!("operation {operation}: {e}");
            let db = world.try_open().map_err(what)?;
            db.flush().map_err(what)?;
            drop(db);
            for second in 0..world.disk.operations() + 1 {
                for seed in 0..seeds {
                    states.fetch_add(1, Ordering::Relaxed);
                    let crashed = world.disk.at(second).crash(seed);
                    self.story.check(crashed, acknowledged).map_err(|e| {
                        format!("operation {operation}, then {second}, crash {seed}: {e}")
                    })?;
                }
            }
            Ok::<(), String>(())
        })?;
        Ok(states.into_inner())
    }
}

/// Names the story's seed where something panics, which no message of a check is about.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("SEED={} tells the story that panicked", self.0);
        }
    }
}

/// Stories from a seed on until so many states were looked at; only its own where `SEED` is set.
fn many_states(wanted: u64, crash: impl Fn(&Told) -> Result<usize, String>) -> usize {
    let (first, one) = (setting("SEED", 1), std::env::var_os("SEED").is_some());
    let mut states = 0;
    for seed in first.. {
        let _named = Named(seed);
        let told = Told::new(Story::of(seed), World::new());
        let broken = protocol::broken(&told.world.disk.trace());
        assert!(broken.is_empty(), "SEED={seed}: {broken:#?}");
        states += crash(&told).unwrap_or_else(|e| panic!("SEED={seed}: {e}"));
        if one || states as u64 >= wanted {
            break;
        }
    }
    states
}

/// `CRASH_STATES=1000000` looks at more.
#[test]
fn a_power_cut_anywhere_loses_nothing_acknowledged() {
    let wanted = setting("CRASH_STATES", 16_000);
    let states = many_states(wanted, |told| told.crash_everywhere(SEEDS));
    println!("{states} states");
}

#[test]
fn a_power_cut_while_recovering_from_one_loses_nothing_either() {
    let wanted = setting("CRASH_STATES", 16_000) / 4;
    let states = many_states(wanted, |told| told.crash_in_recovery(7, 3));
    println!("{states} states");
}

/// Every subset of what is not durable, where it is little.
#[test]
fn any_part_of_what_was_not_synced_may_be_lost() {
    let told = Told::new(Story::of_everything(), World::new());
    let operations: Vec<u64> = (0..told.world.disk.operations() + 1).step_by(3).collect();
    let states: usize = operations
        .into_par_iter()
        .map(|operation| {
            let disk = told.world.disk.at(operation);
            let acknowledged = Told::acknowledged(&disk);
            let crashed = disk.crashes();
            for (number, crashed) in crashed.iter().enumerate() {
                let checked = told.story.check(crashed.clone(), acknowledged);
                checked.unwrap_or_else(|e| panic!("operation {operation}, state {number}: {e}"));
            }
            crashed.len()
        })
        .sum();
    assert!(states > 500, "{states} states");
}

#[test]
fn a_creation_that_is_cut_off_leaves_nothing_or_a_database() {
    let world = World::new();
    world.disk.remember();
    drop(world.create());
    let some = [1, 2, 3].map(|second| event("anna", "a", 1, second));
    let made = world.disk.operations();
    for operation in 0..=made {
        for seed in 0..6 {
            let crashed = World::on(world.disk.at(operation).crash(seed));
            match crashed.try_open() {
                Ok(db) => assert_eq!(write(&db, &some).accepted, 3),
                Err(e) => {
                    assert_eq!(e.kind(), crate::ErrorKind::NotFound, "{operation}, {seed}: {e}");
                    assert_eq!(write(&crashed.create(), &some).accepted, 3);
                }
            }
        }
    }
}
