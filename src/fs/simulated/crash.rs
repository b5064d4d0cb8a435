//! What a crash leaves.

use super::state::{Change, FileNode, NameChange, Node, ROOT, State};
use super::{Bug, Inner, SimulatedFs};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Up to so many unsynced changes, every subset is tried.
const SUBSET_CHANGES_MAX: usize = 10;
/// So many samples are tried above, and a quarter of them, for torn changes, below.
const SAMPLES: u64 = 64;
const SECTOR_BYTES: usize = 512;

/// Numbers that look random and follow from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `limit - 1`; 0 where the limit is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % (limit as u64).max(1)) as usize
    }
}

/// What becomes of one unsynced change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lost,
    Kept,
    /// A write is kept in part, or its length but not its bytes; a name is kept or lost.
    Torn,
}

impl SimulatedFs {
    /// Unsynced changes of files and names.
    pub(crate) fn pending(&self) -> usize {
        self.inner.lock().unwrap().state.stamps().len()
    }

    /// A disk as the power's going may leave it: seed 0 loses all that was not synced, seed 1
    /// nothing, any other chooses by chance. The new disk has no locks, faults or trace.
    pub(crate) fn crash(&self, seed: u64) -> SimulatedFs {
        let (mut state, planted) = self.now();
        let stamps = state.stamps();
        let mut random = Random(seed);
        let fates = match seed {
            0 => BTreeMap::new(),
            1 => stamps.keys().map(|stamp| (*stamp, Fate::Kept)).collect(),
            _ => choose(&stamps, &mut random),
        };
        state.crash(&fates, &mut random);
        SimulatedFs::with(Inner { state, planted, ..Inner::default() })
    }

    fn now(&self) -> (State, Option<Bug>) {
        let inner = self.inner.lock().unwrap();
        (inner.state.clone(), inner.planted)
    }

    /// All subsets of up to 10 unsynced changes and 16 samples; of more changes 64 samples.
    pub(crate) fn crashes(&self) -> Vec<SimulatedFs> {
        let (before, planted) = self.now();
        let stamps = before.stamps();
        if stamps.len() > SUBSET_CHANGES_MAX {
            return (0..SAMPLES).map(|seed| self.crash(seed)).collect();
        }
        let subset = |mask: usize| {
            let kept = stamps.keys().enumerate().filter(|(i, _)| mask >> i & 1 == 1);
            let fates = kept.map(|(_, stamp)| (*stamp, Fate::Kept)).collect();
            let mut state = before.clone();
            state.crash(&fates, &mut Random(0));
            SimulatedFs::with(Inner { state, planted, ..Inner::default() })
        };
        let torn = (0..SAMPLES / 4).filter(|_| !stamps.is_empty()).map(|seed| self.crash(seed + 2));
        (0..1 << stamps.len()).map(subset).chain(torn).collect()
    }
}

/// Whether a change is one of names.
type Stamps = BTreeMap<u64, bool>;

fn choose(stamps: &Stamps, random: &mut Random) -> BTreeMap<u64, Fate> {
    let (way, cut) = (random.below(4), random.below(stamps.len() + 1));
    let mut chance = || match random.below(6) {
        0 | 1 => Fate::Lost,
        2 => Fate::Torn,
        _ => Fate::Kept,
    };
    let fate = |(i, (stamp, is_name)): (usize, (&u64, &bool))| {
        let fate = match way {
            // In order of time, up to a point that lies within a change.
            0 if i < cut => Fate::Kept,
            0 if i == cut => Fate::Torn,
            0 => Fate::Lost,
            // All names without all bytes, and the other way about.
            1 if *is_name => Fate::Kept,
            2 if !*is_name => Fate::Kept,
            _ => chance(),
        };
        (*stamp, fate)
    };
    stamps.iter().enumerate().map(fate).collect()
}

impl State {
    fn stamps(&self) -> Stamps {
        let of = |node: &Node| -> Vec<(u64, bool)> {
            match node {
                Node::File(file) => file.pending.iter().map(|(stamp, _)| (*stamp, false)).collect(),
                Node::Dir(dir) => dir.pending.iter().map(|(stamp, _)| (*stamp, true)).collect(),
            }
        };
        self.nodes.values().flat_map(of).collect()
    }

    fn crash(&mut self, fates: &BTreeMap<u64, Fate>, random: &mut Random) {
        for node in self.nodes.values_mut() {
            let fate = |stamp: u64| fates.get(&stamp).copied().unwrap_or(Fate::Lost);
            match node {
                Node::File(file) => file.crash(fate, random),
                Node::Dir(dir) => {
                    let kept = |stamp, random: &mut Random| match fate(stamp) {
                        Fate::Torn => random.below(2) == 0,
                        fate => fate == Fate::Kept,
                    };
                    let pending: Vec<(u64, NameChange)> = std::mem::take(&mut dir.pending);
                    for (_, change) in pending.iter().filter(|(stamp, _)| kept(*stamp, random)) {
                        change.apply(&mut dir.durable);
                    }
                    dir.live = dir.durable.clone();
                }
            }
        }
        self.locks.clear();
        self.drop_nameless();
    }

    fn drop_nameless(&mut self) {
        let (mut named, mut open) = (BTreeMap::new(), vec![ROOT]);
        while let Some(id) = open.pop() {
            let Some(node) = self.nodes.remove(&id) else {
                continue;
            };
            if let Node::Dir(dir) = &node {
                open.extend(dir.live.values());
            }
            named.insert(id, node);
        }
        self.nodes = named;
    }
}

impl FileNode {
    fn crash(&mut self, fate: impl Fn(u64) -> Fate, random: &mut Random) {
        for (stamp, change) in std::mem::take(&mut self.pending) {
            let change = match fate(stamp) {
                Fate::Lost => continue,
                Fate::Kept => change,
                Fate::Torn => change.torn(random),
            };
            change.apply(Arc::make_mut(&mut self.durable));
        }
        self.live = self.durable.clone();
    }
}

impl Change {
    fn torn(self, random: &mut Random) -> Change {
        let Change::Write { offset, bytes } = self else {
            return self;
        };
        let mut torn = bytes.to_vec();
        match random.below(5) {
            // Cut at a byte.
            0 => torn.truncate(random.below(bytes.len() + 1)),
            // Cut at the end of a sector of the file.
            1 => {
                let sectors = random.below(bytes.len() / SECTOR_BYTES + 2);
                let end = (offset / SECTOR_BYTES + sectors) * SECTOR_BYTES;
                torn.truncate(end.saturating_sub(offset));
            }
            // Some sectors were never written; the length was.
            2 => {
                for (i, byte) in torn.iter_mut().enumerate() {
                    let sector = ((offset + i) / SECTOR_BYTES) as u64;
                    if Random(random.0 ^ sector).next() & 1 == 0 {
                        *byte = 0;
                    }
                }
            }
            // The length grew, the bytes are none, or those of a file long gone.
            3 => torn.fill(0),
            _ => torn.fill_with(|| random.next() as u8),
        }
        Change::Write { offset, bytes: torn.into() }
    }
}
